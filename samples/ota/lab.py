"""A laboratory for the over-the-air loop: images, packages, nginx, a network that can fail, the DM
server and devices, each a process of its own, in one folder.

demo.py and failures.py drive it; so do the tests. Nothing outside the folder is touched. Ports are
whatever the system has free.
"""

import json
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

HOST = "127.0.0.1"
SERVER_ID = "dm.example.com"
KERNEL, ROOTFS = "com.example.kernel", "com.example.rootfs"
ERASE_BLOCK = 4096
BUFFER = 8 << 10


def tools_of(build):
    """The programs in a build directory."""
    return {"pkgtool": build / "pkgtool/pkgtool", "installer": build / "installer/cli/installer",
            "ota_client": build / "samples/ota/ota_client",
            "ota_server": build / "samples/ota/ota_server"}


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def make_image(size, seed):
    """Bytes that compress about as firmware does; the same for the same arguments."""
    generator = random.Random(f"image {seed}")
    words = [generator.randbytes(4) for _ in range(4000)]
    return b"".join(generator.choices(words, k=size // 4 + 1))[:size]


def revise(image, seed):
    """A later version: some words changed, something inserted."""
    generator = random.Random(f"revision {seed}")
    content = bytearray(image)
    for _ in range(60):
        at = generator.randrange(len(content) - 4)
        content[at:at + 4] = generator.randbytes(4)
    middle = generator.randrange(len(content))
    content[middle:middle] = generator.randbytes(500)
    return bytes(content)


def wait_for(what, condition, seconds=60):
    """Waits until the condition holds; its value. The limit is a guard, not an expectation."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"gave up waiting: {what}")


class Network:
    """The mobile network between devices and the package server: relays TCP, and fails on demand.

    mode: "good"; "stall", takes connections and never says anything; "break", every connection
    breaks in the first line of the answer to a GET.
    """

    def __init__(self, target_port):
        self.target_port = target_port
        self.mode = "good"
        self.cut_after = None   # Once: cut the transfer that has relayed so many bytes.
        self.cuts = 0
        self.pairs = []
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                device, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(device,), daemon=True).start()

    def _relay(self, device):
        if self.mode == "stall":
            self.pairs.append((device, device))
            return
        server = socket.socket()
        for end in (device, server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        relayed = 0
        is_get = False
        try:
            server.connect((HOST, self.target_port))
            other = {device: server, server: device}
            while True:
                for end in select.select([device, server], [], [])[0]:
                    piece = end.recv(BUFFER)
                    if not piece:
                        return
                    is_get = is_get or (end is device and piece.startswith(b"GET "))
                    if self.mode == "break" and is_get and end is server:
                        device.sendall(piece[:10])
                        return
                    other[end].sendall(piece)
                    relayed += len(piece) if end is server else 0
                if self.cut_after is not None and relayed > self.cut_after:
                    self.cut_after = None
                    self.cuts += 1
                    return
        except OSError:
            return
        finally:
            device.close()
            server.close()

    def close(self):
        self.listener.close()
        for pair in self.pairs:
            pair[0].close()


class Device:
    """One device: its flash as files, its DM client as a process."""

    def __init__(self, lab, name, number, versions, *, device_id=None, slots=2, slot_bytes=None,
                 ram_bytes=1 << 20, scratch_bytes=262144, trust=None, auth="md5", server_auth="md5",
                 mode="server", ask="", erase_block=ERASE_BLOCK, program_unit=512,
                 download="", installer=None,
                 security_counter=0, contents=None, manufacturer="Example"):
        self.lab, self.name, self.versions = lab, name, versions
        self.id = device_id or f"IMEI:35{number:013d}"
        self.folder = lab.folder / name
        self.folder.mkdir()
        self.push_port = free_port(socket.SOCK_DGRAM)
        self.auth, self.server_auth = auth, server_auth
        self.secret, self.server_secret = f"device secret {number}", f"server secret {number}"
        self.process = None
        self.environment = {}
        self.log_path = self.folder / "client.log"
        regions = ""
        for package_id, version in versions.items():
            short = package_id.rsplit(".", 1)[1]
            image = (contents or {}).get(package_id) or lab.images[package_id][version]
            size = slot_bytes or (len(image) // ERASE_BLOCK + 64) * ERASE_BLOCK
            erased = b"\xff" * (size - len(image))
            (self.folder / f"{short}_a.img").write_bytes(image + erased)
            regions += f'[[region]]\npackage_id = "{package_id}"\n'
            for slot in "ab"[:slots]:
                path = self.folder / f"{short}_{slot}.img"
                if slot == "b":
                    path.write_bytes(b"\xff" * size)
                regions += (f'slot_{slot} = {{ path = "{path.name}", offset_bytes = 0, '
                            f'size_bytes = {size} }}\n')
            regions += f"erase_block_bytes = {erase_block}\nprogram_unit_bytes = {program_unit}\n\n"
        rom = (f'[device]\nvendor = "example"\nmodel = "x1"\nhardware = 3\n'
               f"ram_budget_bytes = {ram_bytes}\n\n{regions}")
        for part, size in (("journal", 65536), ("scratch", scratch_bytes), ("inventory", 16384)):
            (self.folder / f"{part}.img").write_bytes(b"\xff" * size)
            rom += f'[{part}]\npath = "{part}.img"\nsize_bytes = {size}\n\n'
        (self.folder / "ROM.toml").write_text(rom)
        for package_id, version in versions.items():
            self.installer("provision", package_id, version, "--security-counter",
                           str(security_counter))
        (self.folder / "device.toml").write_text(f"""[device]
id = "{self.id}"
manufacturer = "{manufacturer}"
model = "x1"
rom = "ROM.toml"
trust = "{trust or lab.folder / 'release.pub'}"
installer = "{installer or lab.tools['installer']}"
state = "state"
push = "{HOST}:{self.push_port}"
messages = "messages"

[server]
url = "http://{HOST}:{lab.server_port}/dm"
id = "{SERVER_ID}"
auth = "{server_auth}"
secret = "{self.server_secret}"
nonce = "first server nonce"
encoding = "{lab.encoding}"

[client]
name = "{name}"
auth = "{auth}"
secret = "{self.secret}"
nonce = "first client nonce"

[download]
pause_ms = 100
attempts = 4
stall_timeout_s = 2
{download}

[user]
mode = "{mode}"
{f"ask = '''{ask}'''" if ask else ""}
postpone_s = 1
""")

    def server_entry(self):
        return f"""
[[device]]
id = "{self.id}"
client_name = "{self.name}"
client_auth = "{self.auth}"
client_secret = "{self.secret}"
client_nonce = "first client nonce"
server_auth = "{self.server_auth}"
server_secret = "{self.server_secret}"
server_nonce = "first server nonce"
push = "{HOST}:{self.push_port}"
"""

    def installer(self, *arguments):
        return subprocess.run([self.lab.tools["installer"], "--rom", self.folder / "ROM.toml",
                               "--trust", self.lab.folder / "release.pub", *arguments],
                              stdout=subprocess.PIPE, check=True).stdout.decode()

    def inventory(self):
        report = json.loads(self.installer("--format", "json", "inventory"))
        return {entry["package_id"]: entry for entry in report["packages"]}

    def image(self, package_id, size):
        """The first bytes of the slot that boots."""
        slot = self.inventory()[package_id]["active_slot"].lower()
        path = self.folder / f"{package_id.rsplit('.', 1)[1]}_{slot}.img"
        return path.read_bytes()[:size]

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.lab.tools["ota_client"], "--device", self.folder / "device.toml", "run"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environment})

    def kill(self):
        """Power off, at once: the client and the installer that it may have started."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def part_bytes(self):
        """How much of a package has been downloaded."""
        return sum(p.stat().st_size for p in (self.folder / "state/packages").glob("*.part"))

    def interrupt_install(self, package, steps=3):
        """Installs a package in place, without a DM client, and cuts the power on the way."""
        process = subprocess.Popen([self.lab.tools["installer"], "--rom", self.folder / "ROM.toml",
                                    "--trust", self.lab.folder / "release.pub", "install", package],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            status = json.loads(self.installer("--format", "json", "status"))
            if status["pending"] and (status.get("step") or 0) >= steps:
                process.kill()
                process.wait()
                return status
            process.send_signal(signal.SIGCONT)
            time.sleep(0.0005)
        raise AssertionError("the installation was over before it could be interrupted")

    def kill_while_installing(self, package_id):
        """Power off in the middle of an installation: the installer is stopped again and again
        until its journal says that it is at work and the other slot has got bytes. Returns what
        the journal says."""
        target = self.folder / f"{package_id.rsplit('.', 1)[1]}_b.img"
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        end = time.monotonic() + 120
        while time.monotonic() < end:
            pid = children.read_text().split()
            if not pid:
                time.sleep(0.001)
                continue
            os.kill(int(pid[0]), signal.SIGSTOP)
            status = json.loads(self.installer("--format", "json", "status"))
            with open(target, "rb") as file:
                is_written = file.read(ERASE_BLOCK).strip(b"\xff") != b""
            if status["pending"] and is_written:
                self.kill()
                return status
            os.kill(int(pid[0]), signal.SIGCONT)
            time.sleep(0.002)
        raise AssertionError("the installation was over before it could be killed")


class Lab:
    """`tools`: the paths of pkgtool, installer, ota_client and ota_server."""

    def __init__(self, folder, tools, encoding="xml", say=lambda text: None):
        self.folder = pathlib.Path(folder)
        mark = self.folder / ".ota-lab"
        if self.folder.exists() and any(self.folder.iterdir()) and not mark.exists():
            raise SystemExit(f"{self.folder} is not empty and no laboratory: it is left alone")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        mark.touch()
        self.tools = {name: str(pathlib.Path(path).resolve()) for name, path in tools.items()}
        self.encoding, self.say = encoding, say
        self.catalog = self.folder / "packages"
        self.catalog.mkdir()
        self.images = {}
        self.devices = []
        self.processes = []
        self.network = None
        self.server_port, self.nginx_port = free_port(), free_port()
        self.pkgtool("keygen", "-o", self.folder / "release", "--no-password")

    def pkgtool(self, *arguments):
        return subprocess.run([self.tools["pkgtool"], *map(str, arguments)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)

    def add_image(self, package_id, version, content):
        self.images.setdefault(package_id, {})[version] = content
        (self.folder / f"{package_id}-{version}.img").write_bytes(content)

    def build(self, package_id, target, source=None, *options, name=None, key="release.key"):
        """A package on the shelf: delta with a source, else full. Returns its file name."""
        name = name or f"{package_id}-{source or 'full'}-{target}.pku"
        image = lambda version: self.folder / f"{package_id}-{version}.img"
        delta = ["--source", image(source), "--source-version", source] if source else []
        self.pkgtool("build", "--package-id", package_id, *delta, "--target", image(target),
                     "--target-version", target, "--ram", 1 << 19, *options,
                     "--key", self.folder / key, "-o", self.catalog / name)
        return name

    def build_super(self, name, members):
        """One file of several packages, with one result; they leave the shelf. Returns its name."""
        self.pkgtool("super", *[self.catalog / member for member in members],
                     "--key", self.folder / "release.key", "-o", self.catalog / name)
        for member in members:
            (self.catalog / member).unlink()
        return name

    def add_device(self, name, versions, **options):
        device = Device(self, name, len(self.devices) + 1, versions, **options)
        self.devices.append(device)
        return device

    def start_nginx(self, rate="0", root=None, extra=""):
        (self.folder / "nginx").mkdir(exist_ok=True)
        config = self.folder / "nginx/nginx.conf"
        # Its worker has to read what this user wrote.
        user = "user root;\n" if os.geteuid() == 0 else ""
        config.write_text(f"""{user}daemon off;
worker_processes 1;
pid {self.folder}/nginx/pid;
error_log {self.folder}/nginx/error.log;
events {{ worker_connections 64; }}
http {{
  log_format ranges '$remote_addr $request_method $uri range="$http_range" $status $body_bytes_sent';
  access_log {self.folder}/nginx/access.log ranges;
  client_body_temp_path {self.folder}/nginx/body;
  proxy_temp_path {self.folder}/nginx/proxy;
  fastcgi_temp_path {self.folder}/nginx/fastcgi;
  uwsgi_temp_path {self.folder}/nginx/uwsgi;
  scgi_temp_path {self.folder}/nginx/scgi;
  sendfile off;
  output_buffers 1 8k;
  server {{
    listen {HOST}:{self.nginx_port} sndbuf=16k;
    default_type application/octet-stream;
    limit_rate {rate};
    location /packages/ {{ alias {root or self.catalog}/; }}
    {extra}
  }}
}}
""")
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        process = subprocess.Popen([program, "-p", str(self.folder), "-c", str(config)],
                                   stderr=subprocess.DEVNULL)
        self.processes.append(process)
        wait_for("nginx listens", lambda: self._listens(self.nginx_port))
        self.network = Network(self.nginx_port)
        return process

    def start_server(self, release, wanted, devices=None, *, url=None, **campaign):
        names = "\n".join(f'"{package_id}" = "{version}"' for package_id, version in wanted.items())
        options = "".join(f"{key} = {json.dumps(value)}\n" for key, value in campaign.items())
        entries = "".join(device.server_entry() for device in devices or self.devices)
        (self.folder / "server.toml").write_text(f"""[server]
listen = "{HOST}:{self.server_port}"
url = "http://{HOST}:{self.server_port}/dm"
id = "{SERVER_ID}"
state = "server_state"
messages = "server_messages"
notify_s = 1

[campaign]
catalog = "packages"
packages_url = "{url or f'http://{HOST}:{self.network.port}/packages/'}"
trust = "release.pub"
pkgtool = "{self.tools['pkgtool']}"
release = "{release}"
{options}
[campaign.wanted]
{names}
{entries}""")
        self.log_file = open(self.folder / "server.log", "ab")
        process = subprocess.Popen(
            [self.tools["ota_server"], "--config", self.folder / "server.toml", "run"],
            stdout=self.log_file, stderr=self.log_file)
        self.processes.append(process)
        wait_for("the server listens", lambda: self._listens(self.server_port))
        return process

    def stop_server(self, process):
        process.terminate()
        process.wait(30)
        self.processes.remove(process)

    @staticmethod
    def _listens(port):
        with socket.socket() as probe:
            return probe.connect_ex((HOST, port)) == 0

    def get(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{HOST}:{self.server_port}{path}", timeout=30) as answer:
            return answer.read().decode()

    def status(self, device):
        report = json.loads(self.get("/devices.json"))
        return next(entry for entry in report["devices"] if entry["id"] == device.id)

    def codes(self, device):
        return [result["code"] for result in self.status(device)["results"]]

    def wait_until(self, device, phase, seconds=120):
        def reached():
            if device.process.poll() is not None:
                raise AssertionError(f"{device.name} ended:\n{device.log()}")
            status = self.status(device)
            return status if status["phase"] == phase else None
        return wait_for(f"{device.name} is {phase}; it is {self.status(device)}", reached, seconds)

    def requests(self, name, method="GET"):
        """What nginx logged about a package: (range, status, bytes)."""
        found = []
        for line in (self.folder / "nginx/access.log").read_text().splitlines():
            _, verb, uri, asked, status, count = line.split()
            if verb == method and uri.endswith("/" + name):
                found.append((asked[7:-1], int(status), int(count)))
        return found

    def close(self):
        for device in self.devices:
            device.stop()
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(30)
        if self.network:
            self.network.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
