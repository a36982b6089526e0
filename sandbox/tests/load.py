"""Measures requests per second of one core, with 10,000 instances: load.py URL KEY SECRET PID.
Requests are signed before the measurement and use one connection. Only the server's CPU time
counts, so neither this client nor other programs affect the result. `cargo xtask bench sandbox`
starts the server. The bar is 200."""

import glob, http.client, sys, time, urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

url, key, secret, pid = sys.argv[1:]
host = url.removeprefix("http://")
signer = SigV4Auth(Credentials(key, secret), "ec2", "us-east-1")
AMI = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


def signed(**form):
    body = urllib.parse.urlencode({"Version": "2016-11-15", **form})
    request = AWSRequest("POST", url + "/", data=body, headers={"Content-Type": "application/x-www-form-urlencoded", "Host": host})
    signer.add_auth(request)
    return body, dict(request.headers)


connection = http.client.HTTPConnection(host)


def send(body, headers):
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
    return text.decode()


def cpu():
    """Returns the CPU time of the server's threads, user and kernel, seconds."""
    return sum(int(open(f"{task}/schedstat").read().split()[0]) for task in glob.glob(f"/proc/{pid}/task/*")) / 1e9


ids = []
for _ in range(10):
    text = send(*signed(Action="RunInstances", ImageId=AMI, InstanceType="t3.micro", MinCount="1000", MaxCount="1000"))
    ids += [part.split("<")[0] for part in text.split("<instanceId>")[1:]]
connection.request("POST", "/_mycelium/clock", '{"forward_seconds": 60}', {"Host": host})
connection.getresponse().read()
assert len(ids) == 10000
memory = [line.split()[1] for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS")][0]
print("the sandbox with 10,000 instances:", int(memory) // 1024, "MiB of memory")
kinds = {
    "describe one": lambda n: signed(Action="DescribeInstances", **{"InstanceId.1": ids[n * 7 % 10000]}),
    "filter all, 5 a page": lambda n: signed(Action="DescribeInstances", MaxResults="5", **{"Filter.1.Name": "tag:team", "Filter.1.Value.1": f"t{n}"}),
    "create tag": lambda n: signed(Action="CreateTags", **{"ResourceId.1": ids[n * 3 % 10000], "Tag.1.Key": "team", "Tag.1.Value": f"t{n}"}),
    "run one": lambda n: signed(Action="RunInstances", ImageId=AMI, InstanceType="t3.micro", MinCount="1", MaxCount="1", ClientToken=f"c{n}"),
    "a page of 1,000": lambda n: signed(Action="DescribeInstances", MaxResults="1000"),
}
for name, make in kinds.items():
    count = 200 if "1,000" in name else 500
    requests = [make(n) for n in range(count)]
    before, began = cpu(), time.monotonic()
    for request in requests:
        send(*request)
    each = (cpu() - before) / count
    print(f"{name:<22} {1 / each:6.0f} per CPU second ({each * 1000:.2f} ms each), {count / (time.monotonic() - began):.0f} per second of this client; bar 200")
