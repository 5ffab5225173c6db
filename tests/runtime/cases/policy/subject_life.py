# SPDX-License-Identifier: Apache-2.0
"""Ordinary life of a container with subjects and protected files: what an engine's exec starts, a package manager
inside, and new files from the host.

Fails when: what `podman exec` starts is in a subject whose program it is not, or changes a protected file; a package
manager that meets a protected directory says anything but EPERM, or what it leaves can't be repaired without the
policy; a program that the host has put in the place of a subject's is not the subject, or the old one is free.
"""

import os
import shutil
import tempfile
from pathlib import Path

from harness.bundle import Options
from harness.check import compare, keys
from harness.commands import run, write
from harness.programs import Forgotten, bare_runtimes, tried, with_programs
from harness.recipe import copy_of, tree
from harness.runner import expect, expect_equal, expect_in, group, test, why_not
from harness.runtimes import parse_probe
from harness.snapshot import Unchanged

BIND, CREATE = "bind.tcp4:8025", "create.udp4"
MAIL = "/usr/sbin/mail"
SUBJECT = {"io.socklid.subject.mail": f"{MAIL} bind=deny"}
READONLY = keys(readonly="/usr/sbin !/usr/sbin/local")
SLOW = 600


@test("podman exec starts in no subject, enters those whose programs it starts, and changes no protected file")
def _(session):
    root = with_programs(session, MAIL[1:], "usr/sbin/local/tool")
    (root / "usr/sbin/file").write_text("before\n")
    options = Options(annotations={**SUBJECT, **READONLY}, rootfs=root, layered=False)
    with session.podman.hold(options) as container:
        compare(tried(container, "/probe", BIND, CREATE), {BIND: "ok", CREATE: "ok"})
        compare(tried(container, MAIL, BIND, CREATE), {BIND: "EPERM", CREATE: "ok"})
        # The one before has left nothing behind, and what a shell starts is not what it is itself.
        told = container.exec("/bin/sh", "-c", f"{MAIL} {BIND}; /probe {CREATE}; exec /probe {BIND}", check=False)
        expect_equal(told.out.split("\n")[:3], [f"{BIND} EPERM", f"{CREATE} ok", f"{BIND} ok"], "a shell")
        told = container.exec("/bin/sh", "-c", "echo x >/usr/sbin/file; mv /usr/sbin/file /var/file; "
                              "mount -o bind /probe /usr/sbin/file; echo x >>/usr/sbin/local/tool && echo excepted",
                              check=False).text
        expect_equal(told.count("Operation not permitted"), 2, told)
        expect_in("excepted", told.split(), told)
        expect_equal((root / "usr/sbin/file").read_text(), "before\n", "the protected file")
        compare(parse_probe(container.exec("/probe", BIND, check=False).out), {BIND: "ok"})


# A package manager --------------------------------------------------------------------------------

INSTALL = "apt-get -qq -o APT::Sandbox::User=root install --yes --no-install-recommends /var/cache/parcel_{}.deb"
REPAIR = "dpkg --configure -a && apt-get -qq --yes --fix-broken install"
FILE = "usr/share/parcel/file"


def build_package(root, version):
    with tempfile.TemporaryDirectory() as directory:
        write(f"{directory}/DEBIAN/control", f"Package: parcel\nVersion: {version}\nArchitecture: all\n"
              "Maintainer: nobody <nobody@example.org>\nDescription: a parcel\n")
        write(f"{directory}/DEBIAN/postinst", "#!/bin/sh\necho configured >/var/lib/parcel\n").chmod(0o755)
        write(f"{directory}/{FILE}", f"{version}\n")
        os.chmod(directory, 0o755)
        run("dpkg-deb", "--build", "--root-owner-group", directory, root / f"var/cache/parcel_{version}.deb")


def packages(session, root, script, annotations):
    environment = "export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin"
    return session.crun.run(["sh", "-c", f"{environment}; {script}"], Options(annotations=annotations, rootfs=root), SLOW)


def done(outcome, what):
    expect_equal(outcome.status, 0, f"{what}: {outcome.text}")


@test("apt-get under readonly fails with EPERM, and dpkg is repairable without it")
def _(session):
    with copy_of(tree()) as root:
        for version in (1, 2):
            build_package(root, version)
        done(packages(session, root, INSTALL.format(1), {}), "the first version")
        upgrade = packages(session, root, INSTALL.format(2), keys(readonly="/usr"))
        expect(upgrade.status != 0, f"upgraded: {upgrade.text}")
        expect_in("Operation not permitted", upgrade.text, "apt-get")
        expect_equal((root / FILE).read_text(), "1\n", "the file that is there")
        expect(not list((root / FILE).parent.glob("*.dpkg-*")), "left beside it")
        done(packages(session, root, REPAIR, {}), "the repair")
        done(packages(session, root, INSTALL.format(2), {}), "the second version")
        expect_equal((root / FILE).read_text(), "2\n", "the new file")
        status = packages(session, root, "dpkg-query -W -f '${Status} ${Version}' parcel; dpkg --audit", {})
        expect_equal(status.out.strip(), "install ok installed 2", "dpkg")


# The host -----------------------------------------------------------------------------------------


def upgraded(session, runtime):
    """The host deploys new files, as an upgrade of an image does in place: beside, and renamed over."""
    root = with_programs(session, MAIL[1:])
    program = f"{MAIL} {BIND} wait.term"
    options = Options(annotations={**SUBJECT, **keys(readonly="/usr/sbin")}, rootfs=root)
    with Unchanged(), Forgotten(), runtime.start(["/bin/sh", "-c", program], options, ready="waiting ok") as container:
        for number in range(2):
            shutil.copy(root / "probe", root / "usr/sbin/mail.new")
            os.rename(root / MAIL[1:], root / f"usr/sbin/mail.{number}")
            os.rename(root / "usr/sbin/mail.new", root / MAIL[1:])
            compare(tried(container, MAIL, BIND, CREATE), {BIND: "EPERM", CREATE: "ok"})
        # The first one is still the file that the hook has seen; the second had the name alone.
        compare(tried(container, f"{MAIL}.0", BIND), {BIND: "EPERM"})
        told = container.exec("/bin/sh", "-c", f"echo x >>{MAIL}; rm -f {MAIL}", check=False).text
        expect_equal(told.count("Operation not permitted"), 2, told)
        expect(Path(root / MAIL[1:]).exists(), "the new file")
        compare(tried(container, "/probe", BIND), {BIND: "ok"})


@group("an upgrade by the host: the new file is the subject, and is protected")
def _(session, record):
    for runtime in bare_runtimes(session):
        record(f"an upgrade by the host[{runtime.name}]", why_not(lambda runtime=runtime: upgraded(session, runtime)))
