"""A TCP proxy in front of a server on 127.0.0.1: a round trip, a bandwidth, and faults at exact octets or moments.

    proxy = Proxy(server.port, rtt=0.03, plan=[Fault("reset", up=70_000), None, Fault("mute", at=0.4)])
    proxy = Proxy(server.port, plan=faults(seed=7, count=100, octets=2_000_000))   # one a connection
    ...a client of proxy.port...
    proxy.happened                                                                 # [Happened(connection, fault, up, down, at), …]

In a process of its own, for measuring: python3 imap_proxy.py PORT [--rtt S] [--bandwidth OCTETS_PER_S]; it prints its port and
runs until its standard input ends.
"""
import argparse
import atexit
import collections
import random
import select
import socket
import struct
import sys
import threading
import time

CHUNK = 1 << 18
# kind     what happens
# reset    RST to both sides                     close    FIN to both sides
# truncate one way ends: what comes is read and thrown away; both sides are closed `seconds` later
# mute     nothing is forwarded any more, either way; the connection stays open until a side closes it
# burst    nothing moves for `seconds`, then everything goes on
# lose     client to server goes on, answers are thrown away; both sides are closed `seconds` later
KINDS = ("reset", "close", "truncate", "mute", "burst", "lose")


class Fault(collections.namedtuple("Fault", "kind up down at seconds way", defaults=[None, None, None, 0.3, None])):
    """When: after exactly `up` octets to the server, or `down` octets to the client, or `at` seconds after the connection's start.
    way: of truncate, "up" or "down"; without it that of the octets counted, else up."""


Happened = collections.namedtuple("Happened", "connection fault up down at")


def faults(seed, count, octets, kinds=KINDS, seconds=0.3, moments=0.0):
    """A plan: so many faults, each after a random number of octets up to the server (below `octets`), one in ten counted
    on the way down instead; with `moments` one in three comes at a random moment below so many seconds."""
    dice = random.Random(seed)
    plan = []
    for _ in range(count):
        kind, way = dice.choice(kinds), dice.choice(["up", "down"])
        if moments and dice.random() < 1 / 3:
            when = {"at": dice.uniform(0, moments)}
        elif dice.random() < 0.1:
            when = {"down": dice.randrange(octets // 50 + 1)}
        else:
            when = {"up": dice.randrange(octets)}
        plan.append(Fault(kind, seconds=seconds, way=way, **when))
    return plan


def shut(sock, reset=False):
    """Close with RST, or with FIN: then what still comes in is read for a moment, as unread octets would make it an RST."""
    try:
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(0.1)
            until = time.monotonic() + 0.5
            while time.monotonic() < until and sock.recv(CHUNK):
                pass
    except OSError:
        pass
    sock.close()


class Way:
    """One direction of a connection: what was read and is not yet delivered."""
    def __init__(self, name, source, to):
        self.name, self.source, self.to = name, source, to
        self.queue, self.queued, self.sent, self.ended = collections.deque(), 0, 0, False
        self.free_at, self.blocked, self.thrown, self.rest = 0.0, False, False, b""


class Connection(threading.Thread):
    def __init__(self, proxy, client, number):
        super().__init__(daemon=True)
        self.proxy, self.client, self.number = proxy, client, number
        self.fault, self.server, self.start_at = proxy.fault_of(number), None, time.monotonic()
        self.held_until = self.close_at = 0.0
        self.wake, self.waker = socket.socketpair()
        self.up = self.down = None
        self.asked = None  # "reset" or "close", by another thread

    def ask(self, what):
        self.asked = what
        try:
            self.waker.send(b"x")
        except OSError:
            pass

    def run(self):
        try:
            time.sleep(self.proxy.rtt)  # the handshake's
            self.server = socket.create_connection(self.proxy.target, timeout=10)
            for sock in (self.client, self.server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setblocking(False)
            self.up, self.down = Way("up", self.client, self.server), Way("down", self.server, self.client)
            while self.turn():
                pass
        except OSError:
            pass
        finally:
            reset = self.asked == "reset"
            for sock in filter(None, (self.server, self.client)):
                shut(sock, reset)
            self.wake.close()
            self.waker.close()

    def turn(self):
        """Wait for something and do it; False when the connection is over."""
        now = time.monotonic()
        waits = [t - now for t in self.deadlines(now)]
        readers = [w.source for w in (self.up, self.down) if not w.ended and (w.queued < self.proxy.window or w.thrown)]
        writers = [w.to for w in (self.up, self.down) if w.blocked]
        ready, writable, _ = select.select([self.wake, *readers], writers, [], max(0, min(waits)) if waits else None)
        now = time.monotonic()
        for way in (self.up, self.down):
            if way.source in ready:
                self.read(way, now)
            if way.to in writable:
                way.blocked = False
        if self.fault and self.fault.at is not None and now - self.start_at >= self.fault.at:
            self.happen()
        for way in (self.up, self.down):
            if not self.asked:
                self.deliver(way)
        if self.close_at and now >= self.close_at:
            self.asked = self.asked or "close"
        return not self.asked and not (self.up.ended and self.down.ended and not self.up.queue and not self.down.queue)

    def deadlines(self, now):
        if self.fault and self.fault.at is not None:
            yield self.start_at + self.fault.at
        if self.close_at:
            yield self.close_at
        for way in (self.up, self.down):
            if way.queue and not way.blocked:
                yield max(way.queue[0][0], way.free_at, self.held_until)

    def read(self, way, now):
        try:
            data = way.source.recv(CHUNK)
        except BlockingIOError:
            return
        except ConnectionResetError:
            self.asked = "reset"  # the other side hears of it
            return
        if way.thrown:
            way.ended = not data
            self.asked = self.asked or ("close" if not data else None)
            return
        if way.name == "down" and self.proxy.edit:
            data = self.edited(way, data)
        if data is None:
            return
        way.ended = not data
        way.queue.append((now + self.proxy.rtt / 2, memoryview(data)))
        way.queued += len(data)

    def edited(self, way, data):
        """Whole lines, edited; the rest waits for its line end. None: nothing yet."""
        lines, line_end, rest = (way.rest + data).rpartition(b"\n")
        if not data:
            if way.rest:  # the end comes with the next read
                lines, rest = way.rest, b""
            way.rest = b""
            return lines
        way.rest = rest
        return (self.proxy.edit(lines + line_end) or None) if line_end else None

    def deliver(self, way):
        """What is due, as far as the socket takes it."""
        while way.queue and not way.blocked and not self.asked:
            now = time.monotonic()
            due, data = way.queue[0]
            if max(due, way.free_at, self.held_until) > now:
                return
            if way.thrown:
                way.queue.clear()
                way.queued = 0
                return
            if not data:  # the end of this way
                way.queue.popleft()
                way.to.shutdown(socket.SHUT_WR)
                continue
            limit = len(data)
            if self.proxy.bandwidth:
                limit = min(limit, max(1448, int(self.proxy.bandwidth * 0.002)))
            at = getattr(self.fault, way.name) if self.fault else None
            if at is not None:
                if at <= way.sent:
                    self.happen(way.name)
                    continue
                limit = min(limit, at - way.sent)
            try:
                n = way.to.send(data[:limit])
            except BlockingIOError:
                way.blocked = True
                return
            way.sent += n
            way.queued -= n
            if self.proxy.bandwidth:
                way.free_at = max(way.free_at, now - 0.005) + n / self.proxy.bandwidth
            if n == len(data):
                way.queue.popleft()
            else:
                way.queue[0] = (due, data[n:])
            if at is not None and way.sent >= at:
                self.happen(way.name)

    def happen(self, counted=None):
        """The fault, now."""
        fault, self.fault = self.fault, None
        self.proxy.happened.append(Happened(self.number, fault, self.up.sent, self.down.sent, time.monotonic()))
        later = time.monotonic() + fault.seconds
        if fault.kind in ("reset", "close"):
            self.asked = fault.kind
        elif fault.kind == "burst":
            self.held_until = later
        elif fault.kind == "mute":
            self.up.thrown = self.down.thrown = True
        elif fault.kind == "lose":
            self.down.thrown, self.close_at = True, later
        elif fault.kind == "truncate":
            (self.down if (fault.way or counted) == "down" else self.up).thrown, self.close_at = True, later
        else:
            raise ValueError(f"a fault of kind {fault.kind}")
        for way in (self.up, self.down):
            if way.thrown:
                way.queue.clear()
                way.queued = 0


class Proxy:
    """Listens at once on .port for connections to the target port.

    rtt        seconds, half each way; throughput is not limited by it (up to `window` octets are on their way)
    bandwidth  octets a second, each way by itself
    plan       a Fault or None for each new connection in turn: a list (nothing after its end), or a callable of
               (connection number from 0, random.Random seeded with `seed`)
    edit       a callable on whole lines from the server, for instance to take APPENDUID out of answers
    """
    def __init__(self, port, rtt=0.0, bandwidth=None, plan=(), seed=0, window=64 << 20, edit=None, host="127.0.0.1"):
        self.target, self.rtt, self.bandwidth, self.plan, self.edit = (host, port), rtt, bandwidth, plan, edit
        self.window = window if not bandwidth else max(1 << 18, int(2 * bandwidth * rtt))
        self.dice, self.connections, self.happened = random.Random(seed), [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        atexit.register(self.stop)

    def fault_of(self, number):
        if callable(self.plan):
            return self.plan(number, self.dice)
        return self.plan[number] if number < len(self.plan) else None

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            connection = Connection(self, client, len(self.connections))
            self.connections.append(connection)
            connection.start()

    def cut(self, how="reset"):
        """Every connection, now: "reset" or "close". The number of those that lived."""
        living = [c for c in self.connections if c.is_alive()]
        for connection in living:
            connection.ask(how)
        return len(living)

    def forwarded(self):
        """(octets up, octets down) over all connections."""
        return tuple(sum(getattr(c, way).sent for c in self.connections if getattr(c, way)) for way in ("up", "down"))

    def stop(self):
        """Nothing is taken any more, and every connection ends."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # closing alone leaves it to the thread that waits in accept()
        except OSError:
            pass
        self.listener.close()
        for connection in self.connections:
            if connection.is_alive():
                connection.ask("close")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    options.add_argument("--rtt", type=float, default=0.0)
    options.add_argument("--bandwidth", type=float)
    options = options.parse_args()
    print(Proxy(options.port, options.rtt, options.bandwidth).port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
