"""One large pull over loopback, durable at the end, against `curl -o FILE` followed by `sync FILE`, in turn.

The origin is peer.c: sendfile(2) from a file in memory (tmpfs), so that it is not what is measured; with `--tls 1` it is
nginx with a certificate of its own. Towline's time runs from the signed submission to the arrival of UploadByURLComplete,
which is sent only after the file is durable. Both write to the same file system: `--folder /dev/shm` for one in memory. The
processor time is that of the curl process, and what the server spent meanwhile.
"""

import os
import resource
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_plus

import common


def memory_file(size):
    """A file of that size in tmpfs, where there is room."""
    for folder in ("/dev/shm", "/run", "/tmp"):
        if os.access(folder, os.W_OK):
            free = os.statvfs(folder)
            if free.f_bavail * free.f_frsize > size + (64 << 20):
                break
    path = Path(folder) / f"towline-bench-{os.getpid()}.bin"
    block = os.urandom(1 << 20)
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(block)
    return path


@contextmanager
def nginx(folder, source):
    """Serves a file by TLS: (its URL, the certificate to trust)."""
    port = common.free_port()
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )
    temporary = "".join(
        f"{name}_temp_path {folder};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"""
        daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error; user root;
        events {{ worker_connections 256; }}
        http {{ {temporary} access_log off; sendfile on; tcp_nopush on;
          server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
            ssl_protocols TLSv1.3;
            location / {{ root {source.parent}; rewrite ^ /{source.name} break; default_type video/mp4; }} }} }}
    """)
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    process = subprocess.Popen(
        common.dying_with_parent([program, "-e", "stderr", "-c", str(folder / "nginx.conf"), "-p", str(folder)]))
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"https://127.0.0.1:{port}", certificate
    finally:
        process.terminate()
        process.wait(20)


def processor_time(pid):
    """Seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def curl(folder, url, trust=None):
    target = folder / "curl.out"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(["curl", "-s", *(["--cacert", str(trust)] if trust else []), "-o", str(target), url], check=True)
    fetched = time.perf_counter()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    subprocess.run(["sync", str(target)], check=True)
    ended = time.perf_counter()
    size = target.stat().st_size
    target.unlink()
    return ended - started, fetched - started, spent, size


@contextmanager
def origin(given, folder, peer, source, size):
    """(the beginning of URLs of the file, the certificate to trust, what it is)."""
    if given.tls:
        with nginx(folder, source) as (url, trust):
            yield url, trust, f"nginx, TLS 1.3, sendfile from {source.parent} (tmpfs)"
    else:
        yield f"{peer.url}/file/{size}", None, f"peer.c, sendfile from {source.parent} (tmpfs)"


def main():
    given = common.arguments(
        __doc__, mib=(2048, "size of the file in MiB"), runs=(5, "measured pulls of each"), timeout=(300.0, "for one pull"),
        tls=(0, "1 for https"),
    )
    size = given.mib << 20
    source = memory_file(size)
    ours, theirs, fetches, our_time, their_time = [], [], [], [], []
    try:
        with common.scratch(given) as folder, common.Peer(folder, source) as peer, origin(
            given, folder, peer, source, size
        ) as (base, trust, what):
            flags = ["--net-ca-file", str(trust)] if trust else []
            with common.Towline(folder / "data", *flags, program=given.bin) as server:
                client = common.RawClient(server.api)
                client.set_callback(peer.url + "/hook", EventTypeList="UploadByURLComplete")
                for number in range(given.runs + 1):  # the first of each warms up
                    os.sync()
                    took, fetched, spent, got = curl(folder, f"{base}/curl.mp4", trust)
                    if got != size:
                        raise SystemExit(f"curl got {got} of {size} bytes")
                    os.sync()
                    peer.get("/reset")
                    before = processor_time(server.pid)
                    started = time.monotonic()
                    answer = client.must("UploadMediaByURL", {"UploadURLs": quote_plus(f"{base}/{number}.mp4")})
                    ended = peer.wait_for(1, given.timeout)
                    after = processor_time(server.pid)
                    job = answer["UploadJobs"][0]["JobId"]
                    info = client.infos(job)[job]
                    if info["FileSize"] != str(size):
                        raise SystemExit(f"the job ended as {info}")
                    for path in server.media_files(info["MediaId"]):
                        path.unlink()
                    if number > 0:
                        theirs.append(took)
                        fetches.append(fetched)
                        their_time.append(spent)
                        ours.append(ended - started)
                        our_time.append(after - before)
    finally:
        source.unlink(missing_ok=True)
    ratio = common.median(theirs) / common.median(ours)
    plain_ratio = common.median(fetches) / common.median(ours)

    def row(name, times, note=""):
        rate = size / common.median(times) / (1 << 20)
        listed = ", ".join(f"{value:.2f}" for value in times)
        return name, f"median {common.median(times):.2f} s, {rate:.0f} MiB/s ({listed}){note}", times

    def spent(name, times):
        return name, f"median {common.median(times):.2f} s ({', '.join(f'{value:.2f}' for value in times)})", times

    common.report(
        given, f"one pull of {given.mib} MiB over loopback, {'TLS' if given.tls else 'plain HTTP'}, durable at the end",
        common.heading(given, "curl") + [("origin", what), ("file system", filesystem(given))],
        [
            row("curl -o and sync", theirs), row("  of that curl", fetches), row("towline", ours),
            ("ratio to curl and sync", f"{ratio:.2f} ×; target 1.0 ×", ratio),
            ("ratio to curl alone", f"{plain_ratio:.2f} ×; target {'1.0' if given.tls else '1.4'} × in memory", plain_ratio),
            spent("processor time, curl", their_time), spent("processor time, towline", our_time),
        ],
    )


def filesystem(given):
    import tempfile

    done = subprocess.run(
        ["stat", "-f", "-c", "%T", given.folder or tempfile.gettempdir()], capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    if not shutil.which("curl"):
        raise SystemExit("this needs curl: scripts/setup-venvs.sh --bench")
    main()
