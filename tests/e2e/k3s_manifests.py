#!/usr/bin/env python3
"""k3s_manifests.py FILE…: checks Kubernetes manifests without a cluster: required fields, that no unknown ones are there (a typo is silently dropped by
kubectl apply), and that what refers to each other fits: selectors and labels, ports and their names, volumes and mounts, claims. Prints what is wrong; exit code 1."""
import sys
import yaml

errors = []


def check(good, text):
    if not good:
        errors.append(text)


def keys(where, obj, required, optional=""):
    if not isinstance(obj, dict):
        check(False, f"{where}: must be a mapping")
        return {}
    for key in required.split():
        check(key in obj, f"{where}: '{key}' is missing")
    for key in obj:
        check(key in required.split() + optional.split(), f"{where}: unknown field '{key}'")
    return obj


def metadata(where, obj, namespaced):
    keys(where, obj, "name" + (" namespace" if namespaced else ""), "labels annotations")
    check(isinstance(obj.get("name"), str) and obj["name"] == obj["name"].lower(), f"{where}: bad name")
    for key, value in obj.get("labels", {}).items():
        check(isinstance(value, str), f"{where}: label {key} must be a string")


def probe(where, obj, ports):
    keys(where, obj, "tcpSocket", "initialDelaySeconds periodSeconds timeoutSeconds failureThreshold")
    port = obj["tcpSocket"]["port"]
    check(port in ports or port in ports.values(), f"{where}: no port {port}")


def container(where, obj, volumes):
    keys(where, obj, "name image command ports resources securityContext volumeMounts", "imagePullPolicy readinessProbe livenessProbe env args")
    check(all(isinstance(word, str) for word in obj["command"]), f"{where}: command must be strings")
    check(obj["image"].count("/") == 2 and ":" in obj["image"], f"{where}: the image must be named in full")
    ports = {}
    for port in obj["ports"]:
        keys(f"{where} port", port, "name containerPort", "hostPort protocol")
        ports[port["name"]] = port["containerPort"]
    listen = obj["command"][obj["command"].index("--listen") + 1]
    check(int(listen.rpartition(":")[2]) in ports.values(), f"{where}: listens on {listen}, which is no port of it")
    for name in ("readinessProbe", "livenessProbe"):
        if name in obj:
            probe(f"{where} {name}", obj[name], ports)
    for mount in obj["volumeMounts"]:
        keys(f"{where} mount", mount, "name mountPath", "readOnly subPath")
        check(mount["name"] in volumes, f"{where}: no volume {mount['name']}")
    root = obj["command"][obj["command"].index("--root") + 1]
    check(root in [mount["mountPath"] for mount in obj["volumeMounts"]], f"{where}: the store {root} is on no volume")
    for word in obj["command"]:
        if word.startswith("/tls/"):
            check("/tls" in [mount["mountPath"] for mount in obj["volumeMounts"]], f"{where}: {word} is on no volume")
    return ports


def pod(where, spec, claims):
    keys(where, spec, "containers volumes", "nodeSelector automountServiceAccountToken terminationGracePeriodSeconds securityContext hostNetwork priorityClassName")
    volumes = {}
    for volume in spec["volumes"]:
        keys(f"{where} volume", volume, "name", "persistentVolumeClaim hostPath secret emptyDir")
        check(len(volume) == 2, f"{where}: volume {volume['name']} needs one source")
        volumes[volume["name"]] = volume
        if "persistentVolumeClaim" in volume:
            check(volume["persistentVolumeClaim"]["claimName"] in claims, f"{where}: no such claim")
    for value in spec.get("nodeSelector", {}).values():
        check(isinstance(value, str), f"{where}: values of nodeSelector must be strings")
    check(spec.get("securityContext", {}).get("runAsNonRoot") is True, f"{where}: must not run as root")
    ports = {}
    for one in spec["containers"]:
        ports.update(container(f"{where} container", one, volumes))
    return ports


def main(path):
    with open(path) as file:
        documents = [document for document in yaml.safe_load_all(file) if document]
    claims = {d["metadata"]["name"] for d in documents if d["kind"] == "PersistentVolumeClaim"}
    namespaces = {d["metadata"]["name"] for d in documents if d["kind"] == "Namespace"} | {"kube-system"}
    pods = []
    for document in documents:
        kind = document["kind"]
        where = f"{path}: {kind}"
        keys(where, document, "apiVersion kind metadata", "spec")
        metadata(where, document["metadata"], kind != "Namespace")
        if kind != "Namespace":
            check(document["metadata"]["namespace"] in namespaces, f"{where}: its namespace is not made here")
        check(document["apiVersion"] == {"Deployment": "apps/v1"}.get(kind, "v1"), f"{where}: wrong apiVersion")
        spec = document.get("spec", {})
        if kind == "PersistentVolumeClaim":
            keys(where, spec, "accessModes resources", "storageClassName volumeMode")
            check("storage" in spec["resources"]["requests"], f"{where}: no size")
        elif kind == "Deployment":
            keys(where, spec, "selector template", "replicas strategy")
            labels = spec["template"]["metadata"]["labels"]
            check(spec["selector"]["matchLabels"].items() <= labels.items(), f"{where}: the selector does not match the pods' labels")
            check(spec["strategy"]["type"] == "Recreate" and spec["replicas"] == 1, f"{where}: one store takes one writer")
            check("nodeSelector" in spec["template"]["spec"], f"{where}: is not pinned to the storage node")
            pods.append((labels, pod(where, spec["template"]["spec"], claims)))
        elif kind == "Pod":
            pods.append((document["metadata"]["labels"], pod(where, spec, claims)))
        elif kind != "Service":
            check(kind == "Namespace", f"{where}: unknown kind")
    for document in documents:
        if document["kind"] != "Service":
            continue
        where, spec = f"{path}: Service", document["spec"]
        keys(where, spec, "selector ports", "type")
        matched = [ports for labels, ports in pods if spec["selector"].items() <= labels.items()]
        check(len(matched) == 1, f"{where}: its selector matches {len(matched)} pods")
        for port in spec["ports"]:
            keys(f"{where} port", port, "port", "name targetPort nodePort protocol")
            target = port.get("targetPort", port["port"])
            check(any(target in ports or target in ports.values() for ports in matched), f"{where}: no pod has the port {target}")
            check("nodePort" not in port or 30000 <= port["nodePort"] <= 32767, f"{where}: nodePort out of range")


for name in sys.argv[1:]:
    main(name)
for error in errors:
    print(error)
sys.exit(bool(errors))
