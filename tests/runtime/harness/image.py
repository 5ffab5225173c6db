# SPDX-License-Identifier: Apache-2.0
"""An OCI image in a tar file, made of a root file system: nothing is pulled from anywhere."""

import hashlib
import io
import json
import platform
import tarfile

MEDIA = "application/vnd.oci.image"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def layer_of(rootfs):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(rootfs, arcname=".")
    return buffer.getvalue()


def write_image(path, name, rootfs, command):
    """`name` as containerd is to know it, with its tag."""
    blobs = {}

    def blob(data, kind):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": f"{MEDIA}.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    layer = blob(layer_of(rootfs), "layer.v1.tar")
    configuration = blob({"architecture": ARCHITECTURE, "os": "linux", "config": {"Entrypoint": command},
                          "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}},
                         "config.v1+json")
    manifest = blob({"schemaVersion": 2, "config": configuration, "layers": [layer]},
                    "manifest.v1+json")
    manifest["annotations"] = {"io.containerd.image.name": name}
    blobs["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
    blobs["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    with tarfile.open(path, "w") as tar:
        for member, data in blobs.items():
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path
