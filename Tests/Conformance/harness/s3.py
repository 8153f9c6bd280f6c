"""An S3-compatible store of others (moto) as a child process, and a proxy in front of it that fails on purpose."""

import json
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid

from .ports import free_port
from .server import clean_environment, dying_with_parent

REGION = "us-east-1"
# What the key of the tests may do: the list of docs/objects.md.
ACTIONS = [
    "s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
    "s3:ListBucketMultipartUploads", "s3:ListBucket",
]


def client(service, endpoint, key, secret):
    import boto3
    from botocore.config import Config

    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


class Moto:
    """moto's server, which checks signatures and permissions once its first users are made.

    URLs that carry their signature it answers only without `checks`.
    """

    _SETUP_CALLS = 9  # three for each user; from then on every call is checked

    def __init__(self, checks=True):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = clean_environment({"INITIAL_NO_AUTH_ACTION_COUNT": str(self._SETUP_CALLS)} if checks else {})
        self.process = subprocess.Popen(
            dying_with_parent([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
        )
        try:
            self._wait()
            iam = client("iam", self.url, "setup", "setup")
            self.key, self.secret = self._user(iam, "towline", ACTIONS)
            admin = self._user(iam, "admin", ["s3:*"])
            self.reader = self._user(iam, "reader", ["s3:GetObject", "s3:ListBucketMultipartUploads"])
            self.s3 = client("s3", self.url, *admin)
        except BaseException:
            self.stop()
            raise

    def bucket(self):
        """The name of a new bucket."""
        name = f"media-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=name)
        return name

    def environment(self, user=None):
        key, secret = user or (self.key, self.secret)
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}

    def objects(self, bucket):
        """Keys and sizes of what is in a bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}

    def read(self, bucket, key):
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def uploads(self, bucket):
        """Keys and ids of unfinished uploads."""
        found = self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return [(item["Key"], item["UploadId"]) for item in found]

    def parts(self, bucket):
        """How many parts unfinished uploads have."""
        return sum(
            len(self.s3.list_parts(Bucket=bucket, Key=key, UploadId=upload).get("Parts", []))
            for key, upload in self.uploads(bucket)
        )

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _user(self, iam, name, actions):
        """A new user with a key; three calls."""
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        iam.put_user_policy(UserName=name, PolicyName="s3", PolicyDocument=json.dumps(policy))
        return key["AccessKeyId"], key["SecretAccessKey"]

    def _wait(self):
        deadline = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError("moto's server did not start") from None
                time.sleep(0.05)


class FaultProxy:
    """Passes HTTP/1.1 on to a store, one connection to it for each of ours, and fails where its plan says so.

    `plan(line, number)` gets the request line and its number from 1, and returns None, or one of: `"503"`, `"accepted"`
    (200 with an error in the body), `"cut"` (the connection ends within the request), `"reset"` (the same by a reset),
    `"lost"` (the request is passed on, but the connection ends before its answer), `"half"` (the answer breaks off),
    `"slow"` (the request is passed on after a second), `"500"`. `host` is where it listens.
    """

    _CODES = {
        "500": ("InternalError", "500 Internal Server Error"), "503": ("SlowDown", "503 Slow Down"),
        "accepted": ("InternalError", "200 OK"),
    }

    def __init__(self, upstream, plan=lambda line, number: None, host="127.0.0.1"):
        self.upstream = upstream
        self.plan = plan
        self.lines = []
        self.hits = []
        self._lock = threading.Lock()
        self._listener = socket.create_server((host, 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self._open = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self._lock:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            for connection in list(self._open):
                connection.close()
        self._thread.join(5)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, ours):
        theirs = socket.create_connection(("127.0.0.1", self.upstream), 30)
        try:
            reader, answers = ours.makefile("rb"), theirs.makefile("rb")
            while (head := self._head(reader)) is not None:
                if not self._exchange(ours, theirs, reader, answers, head):
                    return
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(ours)
            # A close with unread bytes would be a reset, which may overtake an answer.
            ours.close()
            theirs.close()

    def _exchange(self, ours, theirs, reader, answers, head):
        line = head.split(b"\r\n", 1)[0].decode()
        with self._lock:
            self.lines.append(line)
            fault = self.plan(line, len(self.lines))
            if fault:
                self.hits.append(fault)
        length = self._length(head)
        if fault == "cut":
            reader.read(length // 2)
            ours.shutdown(socket.SHUT_RDWR)
            return False
        if fault == "reset":
            reader.read(length // 2)
            # Closing with a linger time of nought sends a reset instead of an end.
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if fault == "slow":
            time.sleep(1)
        if fault in self._CODES:
            reader.read(length)
            code, status = self._CODES[fault]
            body = f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>".encode()
            ours.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            return True
        theirs.sendall(head)
        while length > 0:
            piece = reader.read(min(length, 1 << 16))
            if not piece:
                return False
            theirs.sendall(piece)
            length -= len(piece)
        answer = self._head(answers)
        if answer is None:
            return False
        is_empty = line.startswith("HEAD ") or re.match(rb"HTTP/1.1 (204|304)", answer)
        body = b"" if is_empty else answers.read(self._length(answer))
        if fault == "lost":
            ours.shutdown(socket.SHUT_RDWR)
            return False
        if fault == "half":
            ours.sendall((answer + body)[: (len(answer) + len(body)) // 2])
            ours.shutdown(socket.SHUT_RDWR)
            return False
        ours.sendall(answer + body)
        return b"connection: close" not in answer.lower()

    @staticmethod
    def _head(reader):
        lines = []
        while True:
            line = reader.readline(65_536)
            if not line:
                return None
            lines.append(line)
            if line == b"\r\n":
                return b"".join(lines)

    @staticmethod
    def _length(head):
        found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        return int(found.group(1)) if found else 0
