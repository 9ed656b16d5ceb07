"""containerd's CRI service, asked as kubelet asks it (kubernetes/cri-api, runtime/v1/api.proto). The few messages that are needed are written by hand, with
the fields' numbers, since the generated stubs are in no Debian package.

    cri = Cri("127.0.0.1:10010")
    cri.pull("10.0.2.2:5000/app:1")
    log = cri.run_in_pod("10.0.2.2:5000/app:1", ["/bin/app", "-v"])    # the file on the board that has its output, when it has ended with 0"""
import time

import grpc

from board import LIMIT, Failed

NETWORK_OF_NODE = 2
EXITED_STATE = 2


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def message(fields):
    """{number: text, integer, list of them, or {…} for a message within} as protobuf has it."""
    out = b""
    for number, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += varint(number << 3) + varint(one)
            else:
                data = one.encode() if isinstance(one, str) else message(one)
                out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def decode(data):
    """{number: [values]} of one message; messages within stay bytes."""
    out, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        size = {1: 8, 5: 4}.get(key & 7)
        if key & 7 == 0:
            value = number()
        else:
            size = size or number()
            value, at = data[at:at + size], at + size
        out.setdefault(key >> 3, []).append(value)
    return out


class Cri:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.pods = 0

    def call(self, method, fields=None):
        try:
            return decode(self.channel.unary_unary(f"/runtime.v1.{method}")(message(fields or {}), timeout=LIMIT, wait_for_ready=True))
        except grpc.RpcError as error:
            raise Failed(f"{method}: {error.code().name}: {error.details()[:600]}") from None

    def pull(self, image):
        self.call("ImageService/PullImage", {1: {1: image}})
        if not self.call("ImageService/ImageStatus", {1: {1: image}}).get(1):
            raise Failed(f"{image} is not there after the pull")

    def run_in_pod(self, image, command):
        """A pod on the node's network with one container, until that has ended."""
        self.pods += 1
        name = f"pod{self.pods}"
        folder = f"/run/pods/{name}"
        pod = {1: {1: name, 2: f"uid-{name}", 3: "default"}, 3: folder, 8: {2: {1: {1: NETWORK_OF_NODE}}}}
        pod_id = self.call("RuntimeService/RunPodSandbox", {1: pod})[1][0].decode()
        try:
            container = {1: {1: "main"}, 2: {1: image}, 3: command, 11: "main.log", 15: {2: {3: {1: NETWORK_OF_NODE}}}}
            container_id = self.call("RuntimeService/CreateContainer", {1: pod_id, 2: container, 3: pod})[1][0].decode()
            self.call("RuntimeService/StartContainer", {1: container_id})
            state, code = self.wait_for(container_id)
        finally:
            self.call("RuntimeService/StopPodSandbox", {1: pod_id})
            self.call("RuntimeService/RemovePodSandbox", {1: pod_id})
        if (state, code) != (EXITED_STATE, 0):
            raise Failed(f"{image}: state {state}, exit code {code}")
        return f"{folder}/main.log"

    def wait_for(self, container_id):
        end = time.time() + LIMIT
        while time.time() < end:
            status = decode(self.call("RuntimeService/ContainerStatus", {1: container_id})[1][0])
            state = status.get(3, [0])[0]
            if state == EXITED_STATE:
                return state, status.get(7, [0])[0]
            time.sleep(0.5)
        raise Failed(f"{container_id} does not end")
