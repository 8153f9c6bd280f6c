"""The services of the compose file as processes, each in a network of its own, with exactly the environment that it names."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
from botocore.config import Config
from harness.origin import Origin, sample
from harness.postgres import programs
from harness.receiver import Receiver
from harness.server import clean_environment
from harness.waiting import eventually
from mnsclient import MNSRaw
from rawclient import RawClient

from . import DEPLOY
from .compose import substituted
from .container import Container, account
from .image import opens
from .network import BUCKET, DATABASE, OUTSIDE, Host
from .report import Skip

KEYS = {"AWS_ACCESS_KEY_ID": "checks", "AWS_SECRET_ACCESS_KEY": "checks-secret"}
VARIABLES = {
    **KEYS, "POSTGRES_PASSWORD": "checks-password", "ADMIN_TOKEN": "checks-token",
    "OBJECTS_URL": f"s3://media/towline?endpoint=http://{BUCKET}:9000&region=us-east-1&path-style=true",
    "PUBLIC_URL": "http://towline.test:8787",
}


def check(report, root, stage, compose, folder):
    with report.check("compose: the file agrees with itself and with the image") as said:
        compose.judge(stage)
        said.append(f"must be set: {', '.join(compose.variables)}")
    with report.check("compose: `config` of an engine's client") as said:
        said.append(_config(folder))
    with _Services(root, stage, compose, folder) as services, Origin(host=OUTSIDE) as origin, \
            Receiver(host=OUTSIDE) as receiver:
        with report.check("compose: PostgreSQL with the environment of its service is healthy"):
            services.start_database()
        with report.check("compose: every node becomes ready and healthy, with these settings only") as said:
            services.start_bucket()
            services.start_nodes()
            said += [f"{name} × {compose.replicas(name)} ({','.join(compose.roles(name))})" for name in compose.nodes]
        if services.is_complete:
            with report.check("compose: published ports answer from outside"):
                for name, container in services.each():
                    for port in compose.ports(name):
                        assert opens(container.host.address, port), f"{name}: port {port}"
            with report.check("compose: a job goes through: accepted, pulled into the bucket, its event delivered") as said:
                said.append(_carry(services, origin, receiver))
            with report.check("compose: a message goes through a queue"):
                _pass_message(services)
        with report.check("compose: the stop signal ends every node with exit code 0 within stop_grace_period") as said:
            said.append(f"at most {services.stop_nodes():.1f} s")


def _config(folder):
    """Asks the compose plugin, or the older program, when there is one."""
    place = folder / "deploy"
    shutil.copytree(DEPLOY, place)
    (place / "secret.key").write_text("0" * 64)
    for command in (["docker", "compose"], ["docker-compose"]):
        if not shutil.which(command[0]):
            continue
        version = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
        if version.returncode != 0:
            continue
        file = place / "compose.yaml"
        note = ""
        if version.stdout.startswith("1."):
            # It has everything that is used but the project's name.
            file.write_text(re.sub(r"(?m)^name: .*$", "", file.read_text()))
            note = " (without `name`, which it does not know)"
        done = subprocess.run(
            [*command, "-f", str(file), "config", "-q"], capture_output=True, text=True, env=clean_environment(VARIABLES))
        assert done.returncode == 0, done.stderr
        return f"{' '.join(command)} {version.stdout.strip()}{note}"
    raise Skip("neither `docker compose` nor `docker-compose` is installed")


def _carry(services, origin, receiver):
    api = services.container("api")
    key = api.json("towline", "keys", "create", "--json")
    client = RawClient(f"http://{api.host.address}:8787", key["id"], key["secret"])
    client.set_callback(receiver.url + "/hook")
    services.key = key
    size = 6_000_000
    [job] = client.submit(origin.sample_url("deploy", size))

    def shown():
        detail = api.json("towline", "jobs", "show", job, "--json")
        assert detail["state"] in ("succeeded", "failed"), detail["state"]
        return detail

    detail = eventually(shown, 60, "the end of the job", pause=0.2)
    assert detail["state"] == "succeeded", detail
    [event] = receiver.wait(1, "/hook", where=lambda event: event["EventType"] == "UploadByURLComplete")
    assert json.loads(event.body)["JobId"] == job, event.body
    stored = services.object(detail["objectKey"])
    assert hashlib.sha256(stored).digest() == hashlib.sha256(sample("deploy", size)).digest(), "other bytes are stored"
    return f"{size} bytes, one event"


def _pass_message(services):
    api = services.container("api")
    client = MNSRaw(f"http://{api.host.address}:8787", services.key["id"], services.key["secret"])
    assert client.create("deploy").status == 201
    sent = client.send("deploy", "through")
    assert sent.status == 201, sent
    received = client.receive("deploy")
    assert received.status == 200 and b"through" in received.body, received


class _Services:
    """What the compose file names, as processes that end with this."""

    def __init__(self, root, stage, compose, folder):
        self.root, self.stage, self.compose, self.folder = root, stage, compose, folder
        self.others = []
        self.containers = []
        self.key = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for container in (container for _, container in self.containers):
            container.kill()
        for process in self.others:
            process.terminate()
            process.wait(30)

    @property
    def is_complete(self):
        return len(self.containers) == sum(self.compose.replicas(name) for name in self.compose.nodes)

    def each(self):
        return list(self.containers)

    def container(self, wanted):
        return next(container for name, container in self.containers if name == wanted)

    def start_database(self):
        """What the entry point of the image does: a user and a database of these names, with this password."""
        environment = self.compose.environment("postgres", VARIABLES)
        user, database, password = (environment[f"POSTGRES_{name}"] for name in ("USER", "DB", "PASSWORD"))
        place = Path(tempfile.mkdtemp(prefix="postgres-", dir=self.folder))
        (place / "password").write_text(password)
        for path in (place, place / "password"):
            shutil.chown(path, "postgres", "postgres")
        run = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        bin = programs()
        subprocess.run(
            [*run, bin / "initdb", "-D", place / "data", "-U", user, f"--pwfile={place / 'password'}", "-A",
             "scram-sha-256", "-E", "UTF8"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        with open(place / "data" / "pg_hba.conf", "a") as rules:
            rules.write("host all all 172.30.0.0/24 scram-sha-256\n")
        with open(self.folder / "postgres.log", "wb") as log:
            self.others.append(subprocess.Popen(
                [*run, bin / "postgres", "-D", place / "data", "-k", place, "-c", f"listen_addresses={DATABASE}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"))
        kind, *command = self.compose.services["postgres"]["healthcheck"]["test"]
        assert kind == "CMD", f"the form {kind} of a health check is not known here"
        own = {**os.environ, "PGHOST": str(place), "PGPASSWORD": password}
        eventually(
            lambda: subprocess.run(command, env=own, capture_output=True).returncode == 0, 60, "PostgreSQL", pause=0.1)
        subprocess.run(["createdb", "-U", user, database], env=own, check=True)

    def start_bucket(self):
        """An S3-compatible store of others, with the bucket that the URL names."""
        self.others.append(subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", BUCKET, "-p", "9000"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        eventually(lambda: opens(BUCKET, 9000), 60, "moto's server", pause=0.1)
        self.s3 = boto3.client(
            "s3", endpoint_url=f"http://{BUCKET}:9000", region_name="us-east-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}))
        self.s3.create_bucket(Bucket="media")

    def object(self, key):
        """The bytes of a stored object; the prefix is the URL's."""
        return self.s3.get_object(Bucket="media", Key=f"towline/{key}")["Body"].read()

    def start_nodes(self):
        number = 20
        known = {"postgres": DATABASE}
        for name, service in self.compose.nodes.items():
            for replica in range(self.compose.replicas(name)):
                number += 1
                host = Host(f"{name}-{replica + 1}", number, known)
                mounts = {target: "tmpfs" for target in service.get("tmpfs", [])}
                mounts |= {f"/run/secrets/{secret}": self._secret(secret) for secret in service.get("secrets", [])}
                self.containers.append((name, Container(
                    self.root, self.stage, host, self.folder, self.compose.environment(name, VARIABLES), mounts,
                    bool(service.get("read_only")))))
        for _, container in self.containers:
            container.wait_ready(8788)
            assert container.is_healthy(), f"{container.host.name}: {container.execute(self.stage.health[0])}"

    def stop_nodes(self):
        """Ends all nodes; the longest time that one took."""
        longest = 0.0
        for name, container in self.containers:
            service = substituted(self.compose.services[name], VARIABLES)
            grace = int(re.fullmatch(r"(\d+)s", service["stop_grace_period"]).group(1))
            code, seconds = container.stop(grace)
            assert code == 0, f"{container.host.name}: exit code {code}\n{container.text()}"
            longest = max(longest, seconds)
        return longest

    def _secret(self, name):
        """A file as docs/operations.md says to make it."""
        path = self.folder / name
        if not path.exists():
            path.write_text(os.urandom(32).hex() + "\n")
            path.chmod(0o400)
            user = account(self.root, self.stage)
            os.chown(path, user.uid, user.gid)
        return path
