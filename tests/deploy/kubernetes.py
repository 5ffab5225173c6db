# SPDX-License-Identifier: Apache-2.0
"""What the Kubernetes API takes of the kinds that deploy/ has, and no more: a field that is unknown, misspelt, in the
wrong place or of the wrong type is found, as by `kubectl apply --dry-run=server` with strict validation. Of the
documented API (v1, apps/v1) those fields that manifests of ours may use; a new one is added here first.

    complaints(document)     # ["spec.containers[0].imagePulPolicy: no such field"]
"""

import re

NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
QUANTITY = r"\d+(m|Ki|Mi|Gi)?"
LABEL_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
QUALIFIED = r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"


class Text:
    """A string; `pattern` is for all of it."""

    def __init__(self, pattern=r"(.|\n)+"):
        self.pattern = re.compile(pattern)

    def complaints(self, value, path):
        if not isinstance(value, str):
            yield f"{path}: {value!r} is no string"
        elif not self.pattern.fullmatch(value):
            yield f"{path}: {value!r} is not allowed"


class Plain:
    """A bool, or an int of a range."""

    def __init__(self, kind, low=0, high=2**31):
        self.kind, self.low, self.high = kind, low, high

    def complaints(self, value, path):
        if type(value) is not self.kind:
            yield f"{path}: {value!r} is no {self.kind.__name__}"
        elif self.kind is int and not self.low <= value <= self.high:
            yield f"{path}: {value} is out of range"


class Either:
    def __init__(self, *kinds):
        self.kinds = kinds

    def complaints(self, value, path):
        found = [list(kind.complaints(value, path)) for kind in self.kinds]
        if all(found):
            yield from found[0]


class Many:
    """A list; with `key`, of objects that differ in this field."""

    def __init__(self, item, key=None):
        self.item, self.key = item, key

    def complaints(self, value, path):
        if not isinstance(value, list) or not value:
            yield f"{path}: no list, or an empty one"
            return
        for i, one in enumerate(value):
            yield from self.item.complaints(one, f"{path}[{i}]")
        keys = [one.get(self.key) for one in value if self.key and isinstance(one, dict)]
        for key in {key for key in keys if keys.count(key) > 1}:
            yield f"{path}: {self.key} {key} comes twice"


class Map:
    def __init__(self, keys, values):
        self.keys, self.values = Text(keys), values

    def complaints(self, value, path):
        if not isinstance(value, dict):
            yield f"{path}: no mapping"
            return
        for key, one in value.items():
            yield from self.keys.complaints(key, f"{path}: key")
            yield from self.values.complaints(one, f"{path}.{key}")


class Fields:
    """An object with these fields; those whose name here ends in "_" must be there."""

    def __init__(self, **fields):
        self.required = {name[:-1] for name in fields if name.endswith("_")}
        self.fields = {name.rstrip("_"): kind for name, kind in fields.items()}

    def complaints(self, value, path):
        if not isinstance(value, dict):
            yield f"{path}: no mapping"
            return
        for name in sorted(self.required - set(value)):
            yield f"{path}.{name}: is missing"
        for name, one in value.items():
            if name not in self.fields:
                yield f"{path}.{name}: no such field"
            else:
                yield from self.fields[name].complaints(one, f"{path}.{name}")


def one_of(*words):
    return Text("|".join(map(re.escape, words)))


BOOL, COUNT, STRING = Plain(bool), Plain(int), Text()
PORT = Plain(int, 1, 65535)
LABELS = Map(QUALIFIED, Text(LABEL_VALUE))
METADATA = dict(labels=LABELS, annotations=Map(QUALIFIED, Text(r"(.|\n)*")))
SECCOMP = Fields(type_=one_of("RuntimeDefault", "Unconfined", "Localhost"), localhostProfile=STRING)
RESOURCES = Map("cpu|memory|ephemeral-storage", Text(QUANTITY))
CAPABILITY = Text("[A-Z_]+")
PROBE = Fields(exec=Fields(command_=Many(STRING)), tcpSocket=Fields(port_=Either(PORT, Text(NAME))),
               initialDelaySeconds=COUNT, periodSeconds=COUNT, timeoutSeconds=COUNT, failureThreshold=COUNT)
CONTAINER = Fields(
    name_=Text(NAME), image_=Text(r"[\w./:@-]+"), imagePullPolicy=one_of("Always", "IfNotPresent", "Never"),
    command=Many(STRING), args=Many(STRING), workingDir=STRING,
    env=Many(Fields(name_=Text(r"[A-Za-z_]\w*"), value=Text(r".*")), key="name"),
    ports=Many(Fields(name=Text(r"(?=.*[a-z])[a-z0-9-]{1,15}"), containerPort_=PORT, hostPort=PORT,
                      protocol=one_of("TCP", "UDP", "SCTP")), key="name"),
    securityContext=Fields(privileged=BOOL, allowPrivilegeEscalation=BOOL, readOnlyRootFilesystem=BOOL,
                           runAsNonRoot=BOOL, runAsUser=COUNT, runAsGroup=COUNT, seccompProfile=SECCOMP,
                           capabilities=Fields(add=Many(CAPABILITY), drop=Many(CAPABILITY))),
    resources=Fields(requests=RESOURCES, limits=RESOURCES),
    readinessProbe=PROBE, livenessProbe=PROBE, startupProbe=PROBE,
    lifecycle=Fields(preStop=Fields(exec=Fields(command_=Many(STRING)))),
    volumeMounts=Many(Fields(name_=Text(NAME), mountPath_=Text("/.*"), readOnly=BOOL,
                             mountPropagation=one_of("None", "HostToContainer", "Bidirectional")),
                      key="mountPath"))
HOST_PATH = Fields(path_=Text("/.*"), type=one_of("DirectoryOrCreate", "Directory", "File"))
POD_SPEC = Fields(
    containers_=Many(CONTAINER, key="name"), initContainers=Many(CONTAINER, key="name"),
    serviceAccountName=Text(NAME), automountServiceAccountToken=BOOL, priorityClassName=Text(NAME),
    hostPID=BOOL, hostNetwork=BOOL, shareProcessNamespace=BOOL, hostname=Text(NAME), subdomain=Text(NAME),
    restartPolicy=one_of("Always", "OnFailure", "Never"), terminationGracePeriodSeconds=COUNT,
    nodeSelector=LABELS,
    tolerations=Many(Fields(key=Text(QUALIFIED), operator=one_of("Exists", "Equal"), value=Text(LABEL_VALUE),
                            effect=one_of("NoSchedule", "PreferNoSchedule", "NoExecute"))),
    volumes=Many(Fields(name_=Text(NAME), hostPath=HOST_PATH, emptyDir=Fields(medium=STRING)), key="name"))


def kind(version, name, **fields):
    return Fields(apiVersion_=one_of(version), kind_=one_of(name),
                  metadata_=Fields(name_=Text(NAME), namespace=Text(NAME), **METADATA), **fields)


ADMISSION = "admissionregistration.k8s.io/v1"
CEL = Text(r"(.|\n)+")
KINDS = {
    "ValidatingAdmissionPolicy": kind(ADMISSION, "ValidatingAdmissionPolicy", spec_=Fields(
        failurePolicy=one_of("Fail", "Ignore"),
        matchConstraints_=Fields(resourceRules_=Many(Fields(
            apiGroups_=Many(Text("[a-z.]*")), apiVersions_=Many(STRING), resources_=Many(STRING),
            operations_=Many(one_of("CREATE", "UPDATE", "DELETE", "CONNECT", "*"))))),
        variables=Many(Fields(name_=Text(r"[A-Za-z_]\w*"), expression_=CEL), key="name"),
        validations_=Many(Fields(expression_=CEL, message=STRING,
                                 reason=one_of("Forbidden", "Invalid", "Unauthorized"))))),
    "ValidatingAdmissionPolicyBinding": kind(ADMISSION, "ValidatingAdmissionPolicyBinding", spec_=Fields(
        policyName_=Text(NAME), validationActions_=Many(one_of("Deny", "Warn", "Audit")),
        matchResources=Fields(namespaceSelector=Fields(matchLabels_=LABELS)))),
    "Namespace": kind("v1", "Namespace"),
    "ServiceAccount": kind("v1", "ServiceAccount", automountServiceAccountToken=BOOL),
    "Pod": kind("v1", "Pod", spec_=POD_SPEC),
    "DaemonSet": kind("apps/v1", "DaemonSet", spec_=Fields(
        selector_=Fields(matchLabels_=LABELS), minReadySeconds=COUNT, revisionHistoryLimit=COUNT,
        updateStrategy=Fields(type=one_of("RollingUpdate", "OnDelete"),
                              rollingUpdate=Fields(maxUnavailable=Either(COUNT, Text(r"\d+%")),
                                                   maxSurge=Either(COUNT, Text(r"\d+%")))),
        template_=Fields(metadata_=Fields(**METADATA), spec_=POD_SPEC))),
}


def cross_references(document):
    """What the fields say of each other."""
    spec = document.get("spec", {})
    if document["kind"] == "DaemonSet":
        wanted = spec["selector"]["matchLabels"].items()
        if not wanted <= spec["template"]["metadata"].get("labels", {}).items():
            yield "spec.selector: does not select the template"
        spec = spec["template"]["spec"]
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    mounted = set()
    for container in spec.get("initContainers", []) + spec.get("containers", []):
        mounted |= {mount["name"] for mount in container.get("volumeMounts", [])}
    for name in sorted(volumes ^ mounted):
        yield f"volume {name}: is not both defined and mounted"


def complaints(document):
    if not isinstance(document, dict) or document.get("kind") not in KINDS:
        return ["no kind that is known here"]
    found = list(KINDS[document["kind"]].complaints(document, ""))
    return found or list(cross_references(document))
