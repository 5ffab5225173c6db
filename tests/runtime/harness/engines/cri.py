# SPDX-License-Identifier: Apache-2.0
"""The kubelet's half of the container runtime interface, runtime.v1, as far as a pod needs it.

    pod = cri.run_pod("web", {"io.socklid.connect/front": "deny"})
    front = pod.start("front")
    front.probe("connect.tcp4:127.0.0.1:9")
    front.stop(), front.remove(), pod.remove()

Field numbers: k8s.io/cri-api, pkg/apis/runtime/v1/api.proto.
"""

import uuid
from importlib import import_module
from itertools import count

from harness.commands import TIMEOUT
from harness.engines.protobuf import decode, encode, mapping, text
from harness.runtimes import parse_probe

CREATED, RUNNING, EXITED = 0, 1, 2
POD, CONTAINER, NODE = 0, 1, 2  # NamespaceMode
IMAGE = "localhost/socklid-test:1"


class Refused(Exception):
    """The engine's answer was an error; its text is what a kubelet would show."""


class Cri:
    def __init__(self, socket):
        # Not above: a machine without engines asks for these files' names.
        self.grpc = import_module("grpc")
        self.channel = self.grpc.insecure_channel(f"unix://{socket}")

    def call(self, method, message, service="RuntimeService"):
        function = self.channel.unary_unary(f"/runtime.v1.{service}/{method}",
                                            request_serializer=encode,
                                            response_deserializer=decode)
        try:
            return function(message, timeout=TIMEOUT)
        except self.grpc.RpcError as error:
            raise Refused(f"{method}: {error.details()}") from None

    def is_up(self):
        try:
            return self.call("Version", {1: "v1"})
        except Refused:
            return None

    def has_image(self, name):
        return 1 in self.call("ImageStatus", {1: {1: name}}, "ImageService")

    def run_pod(self, name, annotations, parent, network=POD):
        return CriPod(self, name, annotations, parent, network)


class CriPod:
    """`parent`: the pod's cgroup, as the kubelet makes it."""

    def __init__(self, cri, name, annotations, parent, network):
        self.cri, self.attempts = cri, count()
        self.config = {
            1: {1: name, 2: str(uuid.uuid4()), 3: "shop", 4: 0},
            2: "" if network == NODE else name,  # the host keeps its own
            6: mapping({"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": "shop"}),
            7: mapping(annotations),
            8: {1: parent, 2: {1: {1: network, 2: CONTAINER}}}}
        self.id = text(cri.call("RunPodSandbox", {1: self.config}), 1)

    def create(self, name):
        network = self.config[8][2][1][1]
        config = {1: {1: name, 2: next(self.attempts)}, 2: {1: IMAGE}, 3: ["/probe", "wait.term"],
                  9: mapping({"io.kubernetes.container.name": name}),
                  15: {2: {3: {1: network, 2: CONTAINER}}}}
        answer = self.cri.call("CreateContainer", {1: self.id, 2: config, 3: self.config})
        return CriContainer(self, name, text(answer, 1))

    def start(self, name):
        container = self.create(name)
        container.start()
        return container

    def remove(self):
        """Its containers with it."""
        self.cri.call("StopPodSandbox", {1: self.id})
        self.cri.call("RemovePodSandbox", {1: self.id})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


class CriContainer:
    def __init__(self, pod, name, identifier):
        self.pod, self.name, self.id = pod, name, identifier

    def call(self, method, **fields):
        message = {1: self.id, **{int(key[1:]): value for key, value in fields.items()}}
        return self.pod.cri.call(method, message)

    def start(self):
        self.call("StartContainer")

    def stop(self):
        self.call("StopContainer", _2=0)

    def remove(self):
        self.call("RemoveContainer")

    @property
    def state(self):
        return decode(self.call("ContainerStatus")[1][0]).get(3, [CREATED])[0]

    def probe(self, *attempts):
        answer = self.call("ExecSync", _2=["/probe", *attempts], _3=int(TIMEOUT))
        return parse_probe(text(answer, 1))
