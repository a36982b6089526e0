"""Fills every parameter of botocore's models with unusual values, one call after the other. The sandbox must answer
each of them in the format of its service, refuse or accept it, and go on.

usage: garbage.py [CALLS]     (AWS_* of the caller are the sandbox's credentials)
"""

import datetime
import http.client
import json
import os
import random
import sys
import time
import xml.etree.ElementTree as ElementTree
from urllib.parse import urlparse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.serialize
import botocore.session

CALLS = int((sys.argv[1:] or ["2500"])[0])
# A failure prints its seed.
SEED = int(os.environ.get("SEED", "1"))
random.seed(SEED)
URL = os.environ["AWS_ENDPOINT_URL"]
HOST = urlparse(URL)
CREDENTIALS = botocore.credentials.Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
SERVICES = ["ec2", "ec2-instance-connect", "sts", "iam", "ssm", "pricing", "service-quotas", "ce", "cloudtrail", "cloudwatch", "scheduler"]
# Answers that mean: the sandbox does not serve the action at all.
UNSERVED = ("InvalidAction", "UnknownOperationException", "UnrecognizedClientException")
IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
TEXTS = ["", "0", "-1", "x" * 5000, "\0", "\x1b[2J", "\u202e", "\ufffe", "\r", "*" * 300, "\\", "'\"<>&]]>", "true", "NaN", "1e400",
         "i-sandbox0", "i-", "ami-0", "t3.micro", "us-east-1a", IMAGE, "resolve:ssm:", "9999-12-31T23:59:59Z",
         "-009999-01-01T00:00:00Z", "10.0.0.0/33", "::/0", "=", "eyJ", "65536", "arn:aws:iam::1:role/x", "{", "[" * 500, "\U0001f600"]
NUMBERS = [0, 1, -1, 2, 65536, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)]
INSTANTS = [datetime.datetime(1, 1, 1), datetime.datetime(1970, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59)]


def value(shape, depth=0):
    """A value of this shape, with every member filled."""
    kind = shape.type_name
    if kind == "structure":
        if depth > 5:
            return {}
        return {name: value(member, depth + 1) for name, member in shape.members.items()}
    if kind == "list":
        return [value(shape.member, depth + 1) for _ in range(random.choice([1, 1, 2]))]
    if kind == "map":
        return {value(shape.key, depth + 1): value(shape.value, depth + 1)}
    if kind in ("integer", "long"):
        return random.choice(NUMBERS)
    if kind in ("float", "double"):
        return random.choice([0.0, -1.5, 1e300, 5e-324])
    if kind == "boolean":
        return random.random() < 0.5
    if kind == "timestamp":
        return random.choice(INSTANTS)
    if kind == "blob":
        return random.choice([b"", b"\0\xff", b"x" * 20000])
    choices = getattr(shape, "enum", None)
    return random.choice(choices) if choices and random.random() < 0.5 else random.choice(TEXTS)


def some(shape):
    """The shape's value with the required members and a few others."""
    whole = value(shape)
    names = [name for name in whole if name not in shape.required_members]
    kept = set(shape.required_members) | set(random.sample(names, min(len(names), random.randrange(0, 4))))
    return {name: member for name, member in whole.items() if name in kept}


def send(service, model, operation, arguments):
    """Sends a call. Returns its status and body."""
    serializer = botocore.serialize.create_serializer(model.metadata["protocol"], False)
    try:
        call = serializer.serialize_to_request(arguments, operation)
    except (KeyError, TypeError, ValueError, OverflowError, UnicodeError):
        return None
    path = call["url_path"] or "/"
    if call.get("query_string"):
        return None
    body = call["body"]
    if isinstance(body, dict):
        from urllib.parse import urlencode
        body = urlencode(body, errors="surrogatepass")
    body = body.encode() if isinstance(body, str) else body
    headers = {name: text for name, text in call["headers"].items()}
    if any(set(str(text)) & set("\r\n\0") for text in headers.values()) or not path.isascii():
        return None
    request = botocore.awsrequest.AWSRequest(call["method"], URL + path, data=body, headers=headers)
    name = model.metadata.get("signingName", model.metadata["endpointPrefix"])
    botocore.auth.SigV4Auth(CREDENTIALS, name, "us-east-1").add_auth(request)
    prepared = request.prepare()
    connection = http.client.HTTPConnection(HOST.hostname, HOST.port, timeout=20)
    try:
        connection.request(prepared.method, path, body=prepared.body, headers=dict(prepared.headers))
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers.get("Content-Type", "")
    finally:
        connection.close()


def check(service, operation, status, body, kind):
    assert status < 600, status
    if "xml" in kind:
        ElementTree.fromstring(body)
    elif "json" in kind:
        json.loads(body)
    assert b"InternalError" not in body and b"InternalFailure" not in body, body[:300]


def main():
    session = botocore.session.get_session()
    served = []
    for service in SERVICES:
        model = session.get_service_model(service)
        for name in model.operation_names:
            operation = model.operation_model(name)
            answer = send(service, model, operation, {})
            if answer and not any(word.encode() in answer[1] for word in UNSERVED):
                check(service, operation, *answer)
                served.append((service, model, operation))
    assert len(served) > 100, len(served)
    sent = slow = 0
    at = -1
    while sent < CALLS:
        at += 1
        service, model, operation = served[at % len(served)]
        shape = operation.input_shape
        if shape is None:
            arguments = {}
        elif at < len(served):
            arguments = value(shape)
        else:
            arguments = some(shape)
        began = time.time()
        try:
            answer = send(service, model, operation, arguments)
            if answer is None:
                continue
            check(service, operation, *answer)
        except Exception as error:
            sys.exit(f"{service} {operation.name} (SEED={SEED}) {json.dumps(arguments, default=repr)[:600]}: {error!r}")
        sent += 1
        slow = max(slow, time.time() - began)
    assert slow < 8, f"one call took {slow:.1f} s"
    print(f"{len(served)} actions, {sent} calls, at most {slow:.2f} s each")


main()
