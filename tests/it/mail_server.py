"""A mail server on loopback, for one test: python mail_server.py FOLDER

Writes a certificate authority to FOLDER/ca.pem and prints the ports of an implicit and of a STARTTLS
listener. Accepts user alerts with password correct-horse, and refuses every other sender. Each mail
is appended to FOLDER/mails.
"""

import asyncio
import base64
import datetime
import ipaddress
import pathlib
import ssl
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

FOLDER = pathlib.Path(sys.argv[1])
LOGIN = base64.b64encode(b"\0alerts\0correct-horse").decode()


def signed(subject, issuer, key, signer, is_authority):
    now = datetime.datetime.now(datetime.timezone.utc)
    name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def context():
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    root = signed("test authority", "test authority", authority, authority, True)
    (FOLDER / "ca.pem").write_bytes(root.public_bytes(pem))
    leaf = signed("test server", "test authority", own, authority, False)
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both = FOLDER / "server.pem"
    both.write_bytes(own.private_bytes(pem, *plain) + leaf.public_bytes(pem))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(both)
    return made


async def converse(reader, writer, secure, tls):
    async def say(text):
        writer.write(text.encode() + b"\r\n")
        await writer.drain()

    logged_in = False
    await say("220 test ESMTP")
    while line := (await reader.readline()).decode().strip():
        word = line.upper()
        if word.startswith("EHLO"):
            await say("250-test")
            await say("250-AUTH PLAIN" if secure else "250-STARTTLS")
            await say("250 8BITMIME")
        elif word == "STARTTLS" and not secure:
            await say("220 go ahead")
            await writer.start_tls(tls)
            secure = True
        elif word.startswith("AUTH PLAIN"):
            logged_in = secure and line.split()[-1] == LOGIN
            await say("235 welcome" if logged_in else "535 alerts/wrong-horse is not known")
        elif word.startswith("MAIL"):
            await say("250 fine" if logged_in else "530 log in first")
        elif word.startswith("RCPT") or word == "NOOP" or word == "RSET":
            await say("250 fine")
        elif word == "DATA":
            await say("354 go on")
            text = await reader.readuntil(b"\r\n.\r\n")
            with open(FOLDER / "mails", "ab") as mails:
                mails.write(text)
            await say("250 taken")
        elif word == "QUIT":
            await say("221 bye")
            break
        else:
            await say("500 not known")
    writer.close()


async def main():
    tls = context()
    implicit = await asyncio.start_server(
        lambda reader, writer: converse(reader, writer, True, tls), "127.0.0.1", 0, ssl=tls
    )
    later = await asyncio.start_server(
        lambda reader, writer: converse(reader, writer, False, tls), "127.0.0.1", 0
    )
    ports = [server.sockets[0].getsockname()[1] for server in (implicit, later)]
    print(*ports, flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
