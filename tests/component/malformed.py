#!/usr/bin/env python3
"""Malformed and borderline calls, and exactly what each gets.

Usage: malformed.py --frontend PROGRAM    the frontend alone, under a guard that is played: what the guard hears is
                                          checked too
       malformed.py --build FOLDER        the whole service, started for this (root)

Each row of the table is a name, what is sent, and what comes of it:

    reply("Error", parameter=value)       that error, as its own reply; the connection goes on
    call(operation, member=value...)      it is well-formed: it gets as far as the guard, with these values
    closed("malformed" or "too-large")    the connection ends without a reply
    silence("oneway")                     nothing comes, and the connection goes on

After each row but a closed one the same connection must answer a GetInfo: a fault must not make replies slip.
"""
import argparse
import base64
import json
import pathlib
import socket
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import fakeguard  # noqa: E402

MATCH, ADMIN, AUDIT = fakeguard.INTERFACES
SERVICE = "org.varlink.service"
MESSAGE_MAX = 1024 * 1024


# ---------------------------------------------------------------------------------------------- expectations

def reply(error, **parameters):
    name = error if "." in error else f"{SERVICE}.{error}"
    return {"what": "reply", "error": name, "parameters": parameters}


def invalid(parameter):
    return reply("InvalidParameter", parameter=parameter)


def call(kind, **members):
    return {"what": "call", "kind": kind, "members": members}


def closed(why):
    return {"what": "closed", "why": why}


def silence(why):
    return {"what": "silence", "why": why}


# --------------------------------------------------------------------------------------- calls to start from

def floats(*values):
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


VECTOR = floats(*([1.0] + [0.0] * 15))
HEX = "0123456789abcdef" * 2


def statement(**change):
    return changed({"purpose": "missing-child-reunion", "sought": "missing", "onBehalfOf": [], "recipients": []}, change)


def template(**change):
    return changed({"model": "test-16", "kind": "photograph", "data": VECTOR}, change)


DROP = object()


def changed(members, change):
    return {name: value for name, value in {**members, **change}.items() if value is not DROP}


def identify(top=None, **change):
    return message("Identify", changed({"gallery": "faces", "probe": template(), "statement": statement()}, change), top)


def verify(**change):
    return message("Verify", changed({"gallery": "faces", "subject": "a", "probe": template(), "statement": statement()},
                                     change))


def compare(**change):
    return message("Compare", changed({"probe": template(), "reference": template(), "statement": statement()}, change))


def enrol(entries, **change):
    return message("Enrol", changed({"gallery": "faces", "entries": entries,
                                     "statement": statement(purpose="gallery-upkeep", sought=DROP)}, change))


def entry(**change):
    return changed({"subject": "a", "template": template()}, change)


def subjects(**change):
    return message("List", changed({"gallery": "faces", "statement": statement(purpose="gallery-upkeep", sought=DROP)},
                                   change))


def message(method, parameters=None, top=None):
    name = method if "." in method else f"{MATCH}.{method}"
    return raw(json.dumps({"method": name, **({} if parameters is None else {"parameters": parameters}), **(top or {})}))


def raw(text):
    return (text if isinstance(text, bytes) else text.encode()) + b"\0"


WHO = f'"method":"{MATCH}.WhoAmI"'
TOO_MANY = [f"party-{i}" for i in range(17)]
NESTED_14 = '{"a":' * 14 + "1" + "}" * 14

# ------------------------------------------------------------------------------------------------- the table

CASES = [
    # Framing and JSON
    ("an empty message", raw(""), closed("malformed")),
    ("white space only", raw("  \n"), closed("malformed")),
    ("no JSON", raw("GET / HTTP/1.1\r\n\r\n"), closed("malformed")),
    ("an array", raw("[]"), closed("malformed")),
    ("a string", raw('"hello"'), closed("malformed")),
    ("a number", raw("1"), closed("malformed")),
    ("null", raw("null"), closed("malformed")),
    ("an object that does not end", raw('{"method":'), closed("malformed")),
    ("something after the object", raw("{" + WHO + "} x"), closed("malformed")),
    ("two objects in one message", raw("{" + WHO + "}{" + WHO + "}"), closed("malformed")),
    ("white space around everything", raw("\t{ " + WHO.replace(":", " :\r\n ") + " }\n "), call("who-am-i")),
    ("a comment", raw("{" + WHO + "/* */}"), closed("malformed")),
    ("a comma too many", raw("{" + WHO + ",}"), closed("malformed")),
    ("single quotes", raw("{'method':'" + MATCH + ".WhoAmI'}"), closed("malformed")),
    ("a member without quotes", raw('{method:"' + MATCH + '.WhoAmI"}'), closed("malformed")),
    ("NaN", raw("{" + WHO + ',"parameters":{"x":NaN}}'), closed("malformed")),
    ("Infinity", raw("{" + WHO + ',"parameters":{"x":-Infinity}}'), closed("malformed")),
    ("a number with a leading zero", raw("{" + WHO + ',"parameters":{"x":01}}'), closed("malformed")),
    ("a number with a plus", raw("{" + WHO + ',"parameters":{"x":+1}}'), closed("malformed")),
    ("a number that ends in its point", raw("{" + WHO + ',"parameters":{"x":1.}}'), closed("malformed")),
    ("TRUE in capitals", raw("{" + WHO + ',"more":TRUE}'), closed("malformed")),
    ("a control character in a string", raw("{" + WHO + ',"parameters":{"x":"a\nb"}}'), closed("malformed")),
    ("an escape that JSON does not have", raw("{" + WHO + ',"parameters":{"x":"\\x41"}}'), closed("malformed")),
    ("an unpaired surrogate", raw("{" + WHO + ',"parameters":{"x":"\\ud800"}}'), closed("malformed")),
    ("sixteen levels are allowed", raw("{" + WHO + ',"parameters":{"x":' + NESTED_14 + "}}"), invalid("x")),
    ("a seventeenth level", raw("{" + WHO + ',"parameters":{"x":{"y":' + NESTED_14 + "}}}"), closed("malformed")),
    ("a message that never ends", b"{" + b" " * (MESSAGE_MAX + 1), closed("too-large")),
    ("one byte over the limit", raw("{" + WHO + " " * (MESSAGE_MAX - len(WHO) - 1) + "}"), closed("too-large")),
    ("the largest message", raw("{" + WHO + " " * (MESSAGE_MAX - len(WHO) - 2) + "}"), call("who-am-i")),
    # UTF-8
    ("a byte that is no UTF-8", raw(b"{" + WHO.encode() + b',"parameters":{"x":"\xff"}}'), closed("malformed")),
    ("an overlong form", raw(b"{" + WHO.encode() + b',"parameters":{"x":"\xc0\xaf"}}'), closed("malformed")),
    ("a surrogate in UTF-8", raw(b"{" + WHO.encode() + b',"parameters":{"x":"\xed\xa0\x80"}}'), closed("malformed")),
    ("a sequence cut off", raw(b"{" + WHO.encode() + b',"parameters":{"x":"\xe2\x82"}}'), closed("malformed")),
    ("a byte order mark", raw(b"\xef\xbb\xbf{" + WHO.encode() + b"}"), closed("malformed")),
    ("a case in another script", identify(statement=statement(caseReference="\u6848\u4ef6 7 \u2013 \U0001f50d")),
     call("match", case="\u6848\u4ef6 7 \u2013 \U0001f50d")),
    # Members
    ("a top-level member twice", raw("{" + WHO + "," + WHO + "}"), closed("malformed")),
    ("a parameter twice", raw("{" + f'"method":"{MATCH}.GetReceipt","parameters":{{"request":"{HEX}","request":"{HEX}"}}' + "}"),
     closed("malformed")),
    ("a member twice, deep inside", raw("{" + WHO + ',"parameters":{"x":[{"y":{"z":1,"z":2}}]}}'), closed("malformed")),
    ("a member name with an escape", raw('{"m\\u0065thod":"' + MATCH + '.WhoAmI"}'), closed("malformed")),
    ("an unknown bare member", raw("{" + WHO + ',"extra":1}'), closed("malformed")),
    ("an extension of somebody's", raw("{" + WHO + ',"com.example.trace":{"id":[1]}}'), call("who-am-i")),
    ("no method", raw('{"parameters":{}}'), closed("malformed")),
    ("a method that is no string", raw('{"method":7}'), closed("malformed")),
    ("an empty method", raw('{"method":""}'), closed("malformed")),
    ("a method with a NUL", raw('{"method":"' + MATCH + '.WhoAmI\\u0000x"}'), closed("malformed")),
    ("a method that is far too long", raw('{"method":"' + "a" * 256 + '"}'), closed("malformed")),
    ("parameters that are an array", raw("{" + WHO + ',"parameters":[]}'), closed("malformed")),
    ("parameters that are null", raw("{" + WHO + ',"parameters":null}'), call("who-am-i")),
    ("a flag that is no boolean", raw("{" + WHO + ',"more":"yes"}'), closed("malformed")),
    ("flags that say no", raw("{" + WHO + ',"more":false,"oneway":false,"upgrade":false}'), call("who-am-i")),
    ("more gets its one reply", raw("{" + WHO + ',"more":true}'), call("who-am-i")),
    ("oneway with more", raw("{" + WHO + ',"oneway":true,"more":true}'), closed("malformed")),
    ("oneway", raw("{" + WHO + ',"oneway":true}'), silence("oneway")),
    ("oneway to an operation", identify({"oneway": True}), silence("oneway")),
    ("oneway to a method that does not exist", raw('{"method":"org.example.X.Y","oneway":true}'), silence("oneway")),
    ("oneway to org.varlink.service", raw('{"method":"' + SERVICE + '.GetInfo","oneway":true}'), silence("oneway")),
    ("upgrade", raw("{" + WHO + ',"upgrade":true}'), reply("MethodNotImplemented", method=f"{MATCH}.WhoAmI")),
    # Interfaces and methods
    ("an unknown interface", message("org.example.Other.Identify"), reply("InterfaceNotFound", interface="org.example.Other")),
    ("the interface of another socket", message(f"{ADMIN}.Reload"), reply("InterfaceNotFound", interface=ADMIN)),
    ("an unknown method", message("Search"), reply("MethodNotFound", method=f"{MATCH}.Search")),
    ("a method in the wrong case", message("identify"), reply("MethodNotFound", method=f"{MATCH}.identify")),
    ("a method without an interface", raw('{"method":"Identify"}'), reply("MethodNotFound", method="Identify")),
    ("an unknown method of org.varlink.service", message(f"{SERVICE}.GetAll"),
     reply("MethodNotFound", method=f"{SERVICE}.GetAll")),
    ("the description of what is not here", message(f"{SERVICE}.GetInterfaceDescription", {"interface": AUDIT}),
     reply("InterfaceNotFound", interface=AUDIT)),
    ("no interface to describe", message(f"{SERVICE}.GetInterfaceDescription", {}), invalid("interface")),
    ("GetInfo with a parameter", message(f"{SERVICE}.GetInfo", {"verbose": True}), invalid("verbose")),
    # Parameters
    ("a good request", identify(limit=3, minimumSimilarity=0.5),
     call("match", operation="identify", gallery="faces", purpose="missing-child-reunion", sought="missing",
          probe="photograph", behalf=[], recipients=[], limit=3, floor=500000)),
    ("no parameters at all", raw('{"method":"' + MATCH + '.Identify"}'), invalid("gallery")),
    ("an unknown parameter", identify(galery="faces"), invalid("galery")),
    ("an unknown parameter where none is taken", message("WhoAmI", {"uid": 0}), invalid("uid")),
    ("an unknown member of the statement", identify(statement=statement(authorization="x")), invalid("authorization")),
    ("an unknown member of a template", identify(probe=template(dimension=16)), invalid("dimension")),
    ("a required parameter that is missing", identify(gallery=DROP), invalid("gallery")),
    ("a required parameter that is null", identify(gallery=None), invalid("gallery")),
    ("an optional parameter that is null", identify(limit=None, minimumSimilarity=None), call("match", limit=None, floor=None)),
    ("a statement without a purpose", identify(statement=statement(purpose=DROP)), invalid("purpose")),
    ("a statement that does not say on whose behalf", identify(statement=statement(onBehalfOf=DROP)), invalid("onBehalfOf")),
    ("a statement that does not say who sees it", identify(statement=statement(recipients=DROP)), invalid("recipients")),
    ("a statement that is a string", identify(statement="please"), invalid("statement")),
    ("a gallery that is a number", identify(gallery=1), invalid("gallery")),
    ("a gallery outside the grammar", identify(gallery="../etc"), invalid("gallery")),
    ("an empty gallery", identify(gallery=""), invalid("gallery")),
    ("a gallery in capitals", identify(gallery="Faces"), invalid("gallery")),
    ("a gallery of 64 characters", identify(gallery="g" * 64), invalid("gallery")),
    ("a gallery of 63 characters", identify(gallery="g" * 63), call("match", gallery="g" * 63)),
    ("a NUL inside a gallery", raw(identify().replace(b'"faces"', b'"faces\\u0000x"')[:-1]), invalid("gallery")),
    ("a gallery for Compare", compare(gallery="faces"), invalid("gallery")),
    ("a purpose outside the grammar", identify(statement=statement(purpose="missing child")), invalid("purpose")),
    ("a role that does not exist", identify(statement=statement(sought="anybody")), invalid("sought")),
    ("no role", identify(statement=statement(sought=DROP)), call("match", sought=None)),
    ("parties that are a string", identify(statement=statement(recipients="police")), invalid("recipients")),
    ("a party that is null", identify(statement=statement(recipients=[None])), invalid("recipients")),
    ("a party outside the grammar", identify(statement=statement(onBehalfOf=["City Police"])), invalid("onBehalfOf")),
    ("seventeen parties", identify(statement=statement(recipients=TOO_MANY)), invalid("recipients")),
    ("sixteen parties", identify(statement=statement(recipients=TOO_MANY[:16])), call("match", recipients=TOO_MANY[:16])),
    ("a case of 513 bytes", identify(statement=statement(caseReference="x" * 513)), invalid("caseReference")),
    ("a case of 512 bytes", identify(statement=statement(caseReference="x" * 512)), call("match", case="x" * 512)),
    ("a case of 512 characters but more bytes", identify(statement=statement(caseReference="\u00e9" * 257)),
     invalid("caseReference")),
    ("an operator with a line break", identify(statement=statement(operator="a\nb")), invalid("operator")),
    ("an authorisation with a control character of Latin-1", identify(statement=statement(authorisation="a\u0085b")),
     invalid("authorisation")),
    ("a subject outside the grammar", verify(subject="a b"), invalid("subject")),
    ("a subject of 65 bytes", verify(subject="s" * 65), invalid("subject")),
    ("an empty subject", verify(subject=""), invalid("subject")),
    ("a model outside the grammar", verify(probe=template(model=".hidden")), invalid("model")),
    ("a probe kind that does not exist", verify(probe=template(kind="painting")), invalid("kind")),
    ("no probe kind is the kind unknown", verify(probe=template(kind=DROP)), call("match", probe="unknown")),
    ("an id that is no id", message("GetReceipt", {"request": HEX.upper()}), invalid("request")),
    ("an id", message("GetReceipt", {"request": HEX}), call("get-receipt", request=HEX)),
    # Numbers
    ("a limit of zero", identify(limit=0), invalid("limit")),
    ("a limit below zero", identify(limit=-1), invalid("limit")),
    ("a limit with a fraction", identify(limit=1.5), invalid("limit")),
    ("a limit with a point", raw(identify(limit=77).replace(b"77", b"77.0")[:-1]), invalid("limit")),
    ("a limit in words", identify(limit="10"), invalid("limit")),
    ("a limit that is true", identify(limit=True), invalid("limit")),
    ("a limit of 2^53", identify(limit=2 ** 53), invalid("limit")),
    ("a limit of 2^53-1", identify(limit=2 ** 53 - 1), call("match", limit=2 ** 53 - 1)),
    ("a limit of 2^64+1", identify(limit=2 ** 64 + 1), invalid("limit")),
    ("a floor above one", identify(minimumSimilarity=1.000001), invalid("minimumSimilarity")),
    ("a floor just above one", raw(identify(minimumSimilarity=77).replace(b"77", b"1.00000000000000000000001")[:-1]),
     invalid("minimumSimilarity")),
    ("a floor below minus one", identify(minimumSimilarity=-1.1), invalid("minimumSimilarity")),
    ("a floor beyond all doubles", raw(identify(minimumSimilarity=77).replace(b"77", b"1e999")[:-1]),
     invalid("minimumSimilarity")),
    ("a floor in words", identify(minimumSimilarity="0.5"), invalid("minimumSimilarity")),
    ("a floor that is an integer", identify(minimumSimilarity=-1), call("match", floor=-1000000)),
    ("a floor is read as a decimal and rounded up", raw(identify(minimumSimilarity=77).replace(b"77", b"0.30000000000000000001")[:-1]),
     call("match", floor=300001)),
    ("a floor with an exponent", raw(identify(minimumSimilarity=77).replace(b"77", b"55e-2")[:-1]),
     call("match", floor=550000)),
    # Templates
    ("no data", identify(probe=template(data=DROP)), invalid("data")),
    ("empty data", identify(probe=template(data="")), invalid("data")),
    ("data that is no base64", identify(probe=template(data="!!!!")), invalid("data")),
    ("base64 without padding", identify(probe=template(data=floats(1.0).rstrip("="))), invalid("data")),
    ("base64 with a line break", identify(probe=template(data=VECTOR[:8] + "\n" + VECTOR[8:])), invalid("data")),
    ("base64 with bits left over", identify(probe=template(data="AAAAAB==")), invalid("data")),
    ("base64url", identify(probe=template(data="AAD_fw==")), invalid("data")),
    ("three bytes", identify(probe=template(data="AAAA")), invalid("data")),
    ("half a float", identify(probe=template(data=base64.b64encode(b"\0" * 66).decode())), invalid("data")),
    ("4,097 floats", identify(probe=template(data=base64.b64encode(b"\0\0\x80\x3f" * 4097).decode())), invalid("data")),
    ("4,096 floats", identify(probe=template(data=base64.b64encode(b"\0\0\x80\x3f" * 4096).decode())),
     call("match", job=[("", "test-16", b"\0\0\x80\x3f" * 4096)])),
    ("floats that are not finite pass to the worker", identify(probe=template(data=floats(float("nan"), float("inf")))),
     call("match", job=[("", "test-16", struct.pack("<2f", float("nan"), float("inf")))])),
    ("a probe that is a string", identify(probe=VECTOR), invalid("probe")),
    ("Compare takes probe, then reference", compare(reference=template(data=floats(2.0))),
     call("match", operation="compare", gallery=None,
          job=[("", "test-16", base64.b64decode(VECTOR)), ("", "test-16", struct.pack("<f", 2.0))])),
    ("Compare with two kinds", compare(reference=template(kind="sketch")), invalid("kind")),
    ("Compare with a kind and none", compare(reference=template(kind=DROP)), invalid("kind")),
    # Enrol and List
    ("no entries", enrol([]), invalid("entries")),
    ("entries that are an object", enrol({}), invalid("entries")),
    ("an entry that is a string", enrol(["a"]), invalid("entries")),
    ("an entry that is null", enrol([entry(), None]), invalid("entries")),
    ("an entry without a subject", enrol([entry(), entry(subject=DROP)]), invalid("subject")),
    ("an entry without a template", enrol([entry(template=DROP)]), invalid("template")),
    ("an entry with something more", enrol([entry(note="x")]), invalid("note")),
    ("a bad template among good ones", enrol([entry(), entry(template=template(data="AAA="))]), invalid("data")),
    ("entries of two kinds", enrol([entry(), entry(template=template(kind="synthetic"))]), invalid("kind")),
    ("entries unsaid and unknown are of one kind",
     enrol([entry(template=template(kind=DROP)), entry(subject="b", template=template(kind="unknown"))]),
     call("match", operation="enrol", probe="unknown",
          job=[("a", "test-16", base64.b64decode(VECTOR)), ("b", "test-16", base64.b64decode(VECTOR))])),
    ("too many values for one message", enrol([entry(template=template(kind=DROP, data="AAAAAA=="), subject="a")] * 13500),
     closed("malformed")),
    ("a list from the beginning", subjects(), call("match", operation="list", probe=None, job=[("", "", b"")])),
    ("a list from a subject on", subjects(after="a:1", limit=5), call("match", limit=5, job=[("a:1", "", b"")])),
    ("a list after nothing", subjects(after=""), invalid("after")),
]

# Rows that need more than bytes on one connection to org.matchguard.Match.
OTHER_INTERFACES = [
    (ADMIN, "Admin has no Identify", message(f"{ADMIN}.Identify"), reply("MethodNotFound", method=f"{ADMIN}.Identify")),
    (ADMIN, "Admin does not serve Match", identify(), reply("InterfaceNotFound", interface=MATCH)),
    (ADMIN, "Reload takes nothing", message(f"{ADMIN}.Reload", {"force": True}), invalid("force")),
    (ADMIN, "Rebase takes nothing", message(f"{ADMIN}.Rebase", {"to": 0}), invalid("to")),
    (ADMIN, "Erase wants to know what", message(f"{ADMIN}.Erase"), invalid("request")),
    (ADMIN, "Erase takes one thing", message(f"{ADMIN}.Erase", {"subject": "a", "olderThanDays": 9}), invalid("olderThanDays")),
    (ADMIN, "no subject to erase", message(f"{ADMIN}.CountDetails", {"subject": "a b"}), invalid("subject")),
    (ADMIN, "no age to erase", message(f"{ADMIN}.Erase", {"olderThanDays": 1.5}), invalid("olderThanDays")),
    (AUDIT, "Audit has no Erase", message(f"{AUDIT}.Erase", {"index": 4}), reply("MethodNotFound", method=f"{AUDIT}.Erase")),
    (AUDIT, "details for no reason", message(f"{AUDIT}.OpenDetails", {"index": 4}), invalid("reason")),
    (AUDIT, "details of a subject", message(f"{AUDIT}.OpenDetails", {"subject": "a", "reason": "b"}), invalid("subject")),
    (AUDIT, "Audit has no Rebase", message(f"{AUDIT}.Rebase"), reply("MethodNotFound", method=f"{AUDIT}.Rebase")),
    (AUDIT, "Audit has no List", message(f"{AUDIT}.List"), reply("MethodNotFound", method=f"{AUDIT}.List")),
    (AUDIT, "a receipt of no id", message(f"{AUDIT}.GetReceipt", {"request": "1"}), invalid("request")),
    (AUDIT, "GetCheckpoint takes nothing", message(f"{AUDIT}.GetCheckpoint", {"size": 1}), invalid("size")),
]
GET_INFO = message(f"{SERVICE}.GetInfo")


# ------------------------------------------------------------------------------------------- running them

class Client:
    """One connection, and its replies."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, b""
        sock.settimeout(20)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the other side closed before it had read everything; receive() will see it

    def receive(self):
        """The next reply, or None at the end."""
        while b"\0" not in self.buffer:
            try:
                data = self.sock.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not data:
                assert not self.buffer, "half a reply"
                return None
            self.buffer += data
        reply_text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(reply_text)

    def expect_going_on(self):
        self.send(GET_INFO)
        info = self.receive()
        assert info and info["parameters"]["product"] == "matchguard", info


class FrontendAlone:
    """What the guard hears is looked at."""

    def __init__(self, program):
        self.guard = fakeguard.FakeGuard(program)
        self.children = {}

    def check(self, interface, data, expect):
        child = self.children.setdefault(interface, None) or self.guard.spawn(interface, credits=1)
        self.children[interface] = child
        connection, sock = child.connect()
        client = Client(sock)
        client.send(data)
        getattr(self, expect["what"])(child, connection, client, expect)
        if expect["what"] != "closed":
            client.expect_going_on()
            sock.close()
        self.expect(child, ("closed", connection))

    @staticmethod
    def expect(child, event):
        heard = child.receive()
        assert heard == event, f"the guard heard {heard}, not {event}"

    def reply(self, child, connection, client, expect):
        got = client.receive()
        assert got == {"error": expect["error"], "parameters": expect["parameters"]}, got
        self.expect(child, ("refused", connection, "malformed"))

    def silence(self, child, connection, client, expect):
        self.expect(child, ("refused", connection, expect["why"]))

    def closed(self, child, connection, client, expect):
        self.expect(child, ("refused", connection, expect["why"]))
        assert client.receive() is None

    def call(self, child, connection, client, expect):
        event = child.receive()
        assert event[0] == "call" and event[1]["kind"] == expect["kind"], event
        heard = {name: event[1][name] for name in expect["members"]}
        assert heard == expect["members"], heard
        assert (event[1]["connection"], event[1]["serial"]) == (connection, 1), event
        child.answer(event[1], fakeguard.OVERLOADED)
        child.credit(1)
        assert client.receive() == {"error": f"{MATCH}.Overloaded", "parameters": {}}

    def close(self):
        assert self.guard.close() == 0


class WholeService:
    """What a client sees is looked at. What a well-formed call gets is policy's to say, and not looked at."""

    def __init__(self, build):
        import service
        self.service = service.Service(build).start()

    def check(self, interface, data, expect):
        uid = 0 if interface == ADMIN else 3001 if interface == MATCH else 0
        client = Client(self.service.connect(uid=uid, interface=interface).sock)
        client.send(data)
        if expect["what"] == "closed":
            assert client.receive() is None
            return
        if expect["what"] != "silence":
            got = client.receive()
            assert got is not None, "closed"
        if expect["what"] == "reply":
            assert got == {"error": expect["error"], "parameters": expect["parameters"]}, got
        if expect["what"] == "call":
            assert not got.get("error", "").startswith(SERVICE), got
        client.expect_going_on()
        client.sock.close()

    def close(self):
        self.service.stop()
        self.service.close()


def main():
    parser = argparse.ArgumentParser()
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--frontend")
    where.add_argument("--build")
    arguments = parser.parse_args()
    target = FrontendAlone(arguments.frontend) if arguments.frontend else WholeService(arguments.build)

    passed = failed = 0
    for interface, name, data, expect in [(MATCH, *case) for case in CASES] + OTHER_INTERFACES:
        try:
            target.check(interface, data, expect)
            passed += 1
        except (AssertionError, TimeoutError, socket.timeout, TypeError) as error:
            failed += 1
            print(f"FAILED {name}: {error}")
            if arguments.frontend:
                target.close()
                target = FrontendAlone(arguments.frontend)
    target.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
