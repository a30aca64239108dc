#!/usr/bin/env python3
"""The failure table, walked: every FUMO code from a real cause, through device and DM session, to the
server. See README.md; `demo.sh --failures` builds what it needs.

Devices fail in their own ways against one server; then one device after the other meets a package
server or a network that fails. At the end every code of docs/result-codes.md must have arrived, but
for those that NOT_WALKED gives a reason for.
"""

import argparse
import pathlib
import subprocess
import sys

from lab import (HOST, KERNEL, ROOTFS, Lab, free_port, make_image, revise, tools_of,
                 wait_for)

# Flash that does not keep what was written to it: one byte of each write to slot B is another.
BAD_FLASH = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static ssize_t bad(const char *name, int fd, const void *bytes, size_t count, off64_t at) {
  ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, name);
  char link[64], path[4096], copy[count + 1];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length < 0 ? 0 : length] = 0;
  memcpy(copy, bytes, count);
  if (strstr(path, "_b.img")) copy[count / 2] ^= 1;
  return real(fd, copy, count, at);
}
ssize_t pwrite(int fd, const void *b, size_t n, off_t at) { return bad("pwrite", fd, b, n, at); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t at) { return bad("pwrite64", fd, b, n, at); }
"""

# In the table, and out of reach of the devices here.
NOT_WALKED = {
    453: "a keyring with an end, on a device that knows the time; the devices here trust one key",
    454: "a keyring that revokes a key; the devices here trust one key",
    458: "a security counter of its own in hardware; the devices here have none",
}


def wrapper(lab, name, line):
    """An installer program that does something else first."""
    path = lab.folder / name
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def expect(lab, device, codes, cause):
    """Waits for the results of a device, and keeps what they show."""
    def arrived():
        found = lab.codes(device)
        return found if len(found) >= len(codes) else None
    try:
        found = wait_for(f"{device.name}: {codes}", arrived, 90)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{device.log()}\n{lab.status(device)}") from error
    assert found[:len(codes)] == codes, (device.name, found, codes, device.log())
    status = lab.status(device)
    lab.seen |= set(found)
    shown = next(code for code in codes if code != 200 or codes == [200])
    name = next(r["name"] for r in status["results"] if r["code"] == shown)
    lab.say(f"   {shown} {name:55} {cause}")
    device.stop()


def devices_that_fail(lab):
    lab.say("== What goes wrong in the device")
    v1 = {KERNEL: "1.0"}
    installer = lab.tools["installer"]
    library = lab.folder / "bad_flash.so"
    (lab.folder / "bad_flash.c").write_text(BAD_FLASH)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, lab.folder / "bad_flash.c", "-ldl"],
                   check=True)
    lab.pkgtool("keygen", "-o", lab.folder / "other", "--no-password")
    broken = bytearray(lab.images[KERNEL]["1.0"])
    broken[1000] ^= 1
    add = lab.add_device
    cases = [
        (add("good", v1, auth="hmac", server_auth="hmac"), [200], "nothing went wrong"),
        (add("declined", v1, mode="ask", ask="echo decline"), [401], "the user said no"),
        (add("postponed", v1, mode="ask",
             ask=f"test -e {lab.folder}/asked && echo accept || echo postpone; "
                 f"touch {lab.folder}/asked"), [200], "the user said later, then yes"),
        (add("modified", v1, contents={KERNEL: bytes(broken)}), [403, 200],
         "the image is not what its version says; the server then sends a full package"),
        (add("other_key", v1, trust=lab.folder / "other.pub"), [404],
         "the package is signed with a key that the device does not trust"),
        (add("other_flash", v1, program_unit=4096), [405],
         "the package was built for flash that programs smaller units"),
        (add("one_slot", v1, slots=1), [408], "the package needs a second slot"),
        (add("crash", v1, installer=wrapper(lab, "crash.sh", "kill -SEGV $$")), [409],
         "the installer crashed"),
        (add("bad_flash", v1, installer=wrapper(
            lab, "bad_flash.sh", f'LD_PRELOAD={library} exec {installer} "$@"')), [410],
         "the flash does not keep what was written"),
        (add("newer", v1, security_counter=5), [451],
         "the device's security counter is above the package's"),
        (add("full_disk", v1, installer=wrapper(
            lab, "full_disk.sh", f'trap "" XFSZ; ulimit -f 200; exec {installer} "$@"')), [457],
         "the storage takes no more writes"),
        (add("no_room", v1, download="space_bytes = 100"), [501],
         "the package store is smaller than the package"),
        (add("small_ram", v1, ram_bytes=40960), [502],
         "the package needs more RAM than the device gives"),
    ]
    for device, _, _ in cases:
        device.start()
    server = lab.start_server("2.0", {KERNEL: "2.0"}, [case[0] for case in cases], user="silent",
                              retries=0)
    for device, codes, cause in cases:
        expect(lab, device, codes, cause)
    lab.stop_server(server)


def one_device(lab, device, codes, cause, *, wanted=None, **campaign):
    """A device with a server of its own; `url`: where that says that the packages are."""
    if isinstance(device, str):
        device = lab.add_device(device, {KERNEL: "1.0"})
    server = lab.start_server("2.0", wanted or {KERNEL: "2.0"}, [device], user="silent", retries=0,
                              **campaign)
    device.start()
    expect(lab, device, codes, cause)
    lab.stop_server(server)


def servers_and_networks_that_fail(lab):
    lab.say("== What goes wrong on the way")
    base = f"http://{HOST}:{lab.network.port}"
    one_device(lab, "corrupted", [402], "the file on the package server is damaged",
               url=f"{base}/damaged/")
    if (lab.folder / "cut_out").exists():
        one_device(lab, "mixed", [452], "a member was cut out of its super package",
                   url=f"{base}/cut_out/")
    one_device(lab, "password", [406], "the package server wants a password that the device lacks",
               url=f"{base}/locked/")
    one_device(lab, "scheme", [411], "the URL is none of HTTP", url="ftp//packages/")
    one_device(lab, "nobody", [412], "nobody listens at the address of the package server",
               url=f"http://{HOST}:{free_port()}/")
    one_device(lab, "missing", [500], "the package server does not have the package",
               url=f"{base}/nothing/")
    lab.network.mode = "stall"
    one_device(lab, "stalled", [407], "the package server takes the connection and says nothing")
    lab.network.mode = "break"
    one_device(lab, "broken", [503], "each connection breaks before the first byte")
    lab.network.mode = "good"
    packages = lab.folder / "lost/state/packages"
    lost = lab.add_device("lost", {KERNEL: "1.0"}, mode="ask",
                          ask=f"rm -f {packages}/*.pkg; echo accept")
    one_device(lab, lost, [200, 400], "the package was deleted before it was installed",
               delivery="download_then_update")
    lab.say("== And without a package server")
    pushed = lab.add_device("pushed", {KERNEL: "0.9"})
    one_device(lab, pushed, [200], "the package came through the DM session, as a large object",
               delivery="push")
    assert pushed.inventory()[KERNEL]["version"] == "2.0", pushed.log()


def updates_in_place(lab):
    """For a device with one slot the shelf holds packages that overwrite it."""
    lab.say("== What goes wrong in place")
    for path in lab.catalog.iterdir():
        path.unlink()
    options = ("--layout", "in-place", "--scratch", "131072")
    in_place = lab.catalog / lab.build(KERNEL, "2.0", "1.0", *options)
    lab.build(KERNEL, "2.0", None, *options)
    v1 = {KERNEL: "1.0", ROOTFS: "1.0"}
    hurt = lab.add_device("hurt", v1, slots=1, scratch_bytes=131072)
    hurt.interrupt_install(in_place)
    slot = hurt.folder / "kernel_a.img"
    content = bytearray(slot.read_bytes())
    for at in range(100, len(content), 512):
        content[at] ^= 1
    slot.write_bytes(content)
    one_device(lab, hurt, [455, 200],
               "the source was damaged while the power was off; the server sends a full package")

    other = lab.add_device("other", v1, slots=1, scratch_bytes=131072)
    other.interrupt_install(in_place)
    lab.build(ROOTFS, "2.0", "1.0", *options)
    one_device(lab, other, [456], "another package has begun to overwrite its source",
               wanted={ROOTFS: "2.0"})


def codes_of_the_table():
    """What docs/result-codes.md says can be sent; a test generates it from the engine's table."""
    text = (pathlib.Path(__file__).parents[2] / "docs/result-codes.md").read_text()
    table = text.split("begin generated: code-table")[1].split("end generated")[0]
    return {int(line.split("|")[1]) for line in table.splitlines() if line[2:5].isdigit()}


def main():
    parser = argparse.ArgumentParser(description="Every FUMO code, from its cause to the server.")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="a build directory")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="emptied first")
    parser.add_argument("--wbxml", action="store_true", help="SyncML as WBXML")
    arguments = parser.parse_args()
    with Lab(arguments.work, tools_of(arguments.bin), "wbxml" if arguments.wbxml else "xml",
             lambda text: print(text, flush=True)) as lab:
        lab.seen = set()
        for package_id in (KERNEL, ROOTFS):
            v1 = make_image(300_000, package_id)
            lab.add_image(package_id, "1.0", v1)
            lab.add_image(package_id, "2.0", revise(v1, package_id))
            lab.add_image(package_id, "0.9", make_image(300_000, "0.9"))
            # Small blocks, so that there is flash that does not fit.
            lab.build(package_id, "2.0", "1.0", "--erase-block", "2048")
            lab.build(package_id, "2.0", None, "--erase-block", "2048")
        damaged = lab.folder / "damaged"
        damaged.mkdir()
        for path in lab.catalog.iterdir():
            content = bytearray(path.read_bytes())
            content[-100] ^= 1
            (damaged / path.name).write_bytes(content)
        cut_out = lab.folder / "cut_out"
        cut_out.mkdir()
        name = lab.build(KERNEL, "2.0", "1.0", "--member-of", "release", name="member.pku")
        (lab.catalog / name).rename(cut_out / f"{KERNEL}-1.0-2.0.pku")
        (lab.folder / "passwords").write_text("somebody:{PLAIN}else\n")
        lab.start_nginx(extra=f"""
    location /damaged/ {{ alias {damaged}/; }}
    location /cut_out/ {{ alias {cut_out}/; }}
    location /locked/ {{ alias {lab.catalog}/; auth_basic packages;
                         auth_basic_user_file {lab.folder}/passwords; }}""")
        devices_that_fail(lab)
        servers_and_networks_that_fail(lab)
        updates_in_place(lab)
        for code, reason in NOT_WALKED.items():
            lab.say(f"   {code} not walked: {reason}")
        missing = sorted(codes_of_the_table() - lab.seen - set(NOT_WALKED))
        lab.say(f"== {len(lab.seen)} codes arrived at the server; missing: {missing or 'none'}")
        assert not missing, missing
    return 0


if __name__ == "__main__":
    sys.exit(main())
