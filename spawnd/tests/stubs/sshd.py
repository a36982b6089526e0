"""An SSH server on port 22 of the loopback, for machines without OpenSSH's server.

asyncssh implements the protocol. The program of each session runs on a terminal of the kernel.
Arguments: the key of the host, the file of the accepted keys.
"""

import asyncio
import os
import pty
import sys

import asyncssh


async def session(process):
    program, terminal = pty.fork()
    if program == 0:
        os.execvp("sh", ["sh", "-c", process.command or "exec sh"])
    over = asyncio.Event()

    def printed():
        try:
            process.stdout.write(os.read(terminal, 4096))
        except OSError:
            # The kernel's error for a terminal that no program has open any more.
            over.set()

    async def type_all():
        async for typed in process.stdin:
            os.write(terminal, typed)
        over.set()

    asyncio.get_running_loop().add_reader(terminal, printed)
    typing = asyncio.create_task(type_all())
    await over.wait()
    typing.cancel()
    asyncio.get_running_loop().remove_reader(terminal)
    # Programs that are still on the terminal get a hang-up signal.
    os.close(terminal)
    process.exit(0)


async def main(key, entering):
    options = {"server_host_keys": [key], "authorized_client_keys": entering}
    options |= {"process_factory": session, "encoding": None, "line_editor": False}
    server = await asyncssh.listen("127.0.0.1", 22, **options)
    await server.wait_closed()


asyncio.run(main(*sys.argv[1:]))
