"""QMP sessions over QEMU's own library, qemu.qmp.

memrig embeds this module; it works from plain Python too. From the top of the tree, with QEMU started as
`qemu-system-x86_64 -machine none -display none -qmp unix:/tmp/qmp,server=on,wait=off`:

    $ PYTHONPATH=~/.cache/memrig/python:rig /usr/bin/python3
    >>> import qmp
    >>> with qmp.connect('/tmp/qmp') as session:
    ...     session.execute('query-status')
    ...     session.execute('stop')
    ...     session.wait_event(lambda event: event['event'] == 'STOP', timeout=1)
    ...     session.transcript[-1]

(The first directory is where tools/setup leaves qemu.qmp if the system has none.) All sessions share one asyncio
loop, which runs on a thread of its own; every method here may be called from any thread but that one.
"""

import asyncio
import collections
import json
import logging
import socket
import threading

from qemu.qmp import ExecuteError, ExecInterruptedError, QMPClient, Runstate, StateError
from qemu.qmp.error import ProtocolError
from qemu.qmp.message import DeserializationError

# What a failure is, in Failure.kind and in the callbacks of open_soon() and submit():
TRANSPORT = 'transport'  # the connection is gone
PROTOCOL = 'protocol'    # the peer sent what is no QMP
REFUSED = 'refused'      # QEMU understood the command and said no
DEADLINE = 'deadline'    # no answer in time
OK = 'ok'                # of a command: none

KEPT_EVENTS = 4096
KEPT_LINES = 65536

_log = logging.getLogger('memrig.qmp')
_log.addHandler(logging.NullHandler())


class Failure(Exception):
    """A command or a connection that failed: `kind` is one of the above, `error_class` is QEMU's, of a refusal."""

    def __init__(self, kind, description, error_class=''):
        super().__init__(description)
        self.kind = kind
        self.error_class = _encodable(error_class)
        self.description = _encodable(description)


def connect(path, timeout=10.0):
    """Connects to the monitor that listens at the UNIX socket `path` and returns the Session, ready for commands.

    Enables out-of-band commands where the server offers them. Raises Failure.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(path)
    except OSError as err:
        sock.close()
        raise Failure(TRANSPORT, f'cannot connect to {path}: {err.strerror or err}') from err
    session = Session(sock)
    if not session.opened.wait(timeout):
        session.close()
        raise Failure(DEADLINE, f'no greeting from {path} within {timeout} s')
    if session.failure:
        raise session.failure
    return session


def open_soon(descriptor, on_open, on_end, on_event, on_line):
    """The same over a connected socket's descriptor, which it takes over, without waiting: for memrig.

    The callbacks run on the loop's thread and must not wait:
    on_open(oob): the session is ready; at most once. on_end(kind, description): it is over; exactly once, last.
    on_event(line) -> whether this is a well-formed event. on_line(sent, line): a message crossed the socket.
    Lines are bytes, as they were on the wire.
    """
    return Session(socket.socket(fileno=descriptor), on_open, on_end, on_event, on_line)


class Session:
    """One QMP session. Made by connect() or open_soon()."""

    def __init__(self, sock, on_open=None, on_end=None, on_event=None, on_line=None):
        self.oob = False           # whether the server takes out-of-band commands
        self.opened = threading.Event()  # set once it is ready for commands, or has failed
        self.ended = threading.Event()
        self.failure = None        # why it ended: a Failure
        self.events = collections.deque(maxlen=KEPT_EVENTS)  # the newest, oldest first, as QEMU sent them
        self.transcript = collections.deque(maxlen=KEPT_LINES)  # (sent by us, text)
        self._news = threading.Condition()
        self._on_open = on_open or (lambda oob: None)
        self._on_end = on_end or (lambda kind, description: None)
        self._closing = False
        self._socket = sock
        self._client = _Client(on_event or self._keep_event, on_line or self._keep_line)
        self._tasks = set()  # the loop itself holds tasks by weak references only
        self._life = None
        self._loop = _running_loop()
        self._loop.call_soon_threadsafe(self._begin)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def execute(self, command, arguments=None, oob=False, timeout=10.0):
        """Runs a command and returns its `return` value. With `oob`, ahead of the queue. Raises Failure."""
        future = asyncio.run_coroutine_threadsafe(self._execute(command, arguments, oob), self._loop)
        try:
            return future.result(timeout)
        except (asyncio.TimeoutError, TimeoutError) as err:
            future.cancel()
            raise Failure(DEADLINE, f'{command}: no answer within {timeout} s') from err

    def submit(self, command, arguments, oob, done):
        """Runs a command without waiting: `arguments` is JSON text or empty.

        done(OK, '', JSON text) or done(kind, error class, description) is called exactly once, on the loop's thread.
        """
        self._loop.call_soon_threadsafe(self._spawn, self._submit(command, arguments, oob, done))

    def wait_event(self, wanted, timeout=10.0):
        """Returns the oldest kept event for which wanted(event) holds, waiting for one if need be. Raises Failure."""
        found = []

        def look():
            found.extend(event for event in self.events if wanted(event))
            return found or self.ended.is_set()

        with self._news:
            if not self._news.wait_for(look, timeout):
                raise Failure(DEADLINE, f'no such event within {timeout} s')
        if not found:
            raise self.failure
        return found[0]

    def close(self, timeout=1.0):
        """Ends the session, whatever state the peer is in. Commands in flight fail with kind TRANSPORT."""
        self.close_soon()
        self.ended.wait(timeout)

    def close_soon(self):
        """The same without waiting for the end."""
        self._loop.call_soon_threadsafe(self._end)

    # All below runs on the loop's thread.

    def _spawn(self, coroutine):
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _begin(self):
        self._life = self._spawn(self._live())

    def _end(self):
        self._closing = True
        if not self.opened.is_set():
            self._life.cancel()
            return
        try:
            # Not disconnect(), which first flushes what is unsent: never done if the peer does not read.
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # already over

    async def _live(self):
        """From the greeting to the end of the connection."""
        client = self._client
        try:
            try:
                await client.connect(self._socket)
            except AssertionError:
                # Of the library, that the session still runs. If the peer ended it just now, disconnect() knows why.
                if client.runstate is not Runstate.DISCONNECTING:
                    raise
            self.oob = 'oob' in client.greeting.QMP.capabilities
            self.opened.set()
            self._on_open(self.oob)
            while client.runstate is Runstate.RUNNING:
                await client.runstate_changed()
            await client.disconnect()  # raises what ended it
            self.failure = Failure(TRANSPORT, 'the connection was closed')
        except BaseException as err:  # pylint: disable=broad-except
            self.failure = _cause_of_end(err)
        if self._closing:
            self.failure = Failure(TRANSPORT, 'the connection was closed by memrig')
        self._socket.close()
        self.opened.set()
        with self._news:
            self.ended.set()
            self._news.notify_all()
        self._on_end(self.failure.kind, self.failure.description)

    async def _execute(self, command, arguments, oob):
        if oob and not self.oob:
            raise Failure(REFUSED, 'this monitor offers no out-of-band commands', 'GenericError')
        try:
            return await self._client.execute_msg(QMPClient.make_execute_msg(command, arguments, oob=oob))
        except ExecuteError as err:
            raise Failure(REFUSED, err.error.error.desc, err.error_class) from err
        except ProtocolError as err:
            raise Failure(PROTOCOL, _shortened(f'the answer to {command} is malformed: {err.error_message}')) from err
        except (ExecInterruptedError, StateError) as err:
            # The library does not say why here; _live() is about to learn it.
            await asyncio.wait({self._life})
            raise self.failure from err

    async def _submit(self, command, arguments, oob, done):
        try:
            value = await self._execute(command, json.loads(arguments) if arguments else None, oob)
            outcome = (OK, '', json.dumps(value, separators=(',', ':')))
        except Failure as err:
            outcome = (err.kind, err.error_class, err.description)
        except BaseException as err:  # pylint: disable=broad-except
            # Whatever it is, the thread that waits for this answer must hear of it.
            outcome = (PROTOCOL, '', _shortened(f'{command}: {type(err).__name__}: {err}'))
        done(*outcome)

    def _keep_event(self, line):
        with self._news:
            self.events.append(json.loads(line))
            self._news.notify_all()
        return True

    def _keep_line(self, sent, line):
        self.transcript.append((sent, line.decode('utf-8', 'replace').strip()))


class _Client(QMPClient):
    """Hands on each message as it crosses the socket, and keeps none of them."""

    def __init__(self, on_event, on_line):
        super().__init__()
        self._on_event = on_event
        self._on_line = on_line
        # The default listener would keep every event for ever. What its filter refuses, it drops.
        self.events.event_filter = self._take_event

    def _take_event(self, message):
        if not self._on_event(bytes(message)):
            raise ProtocolError(f'malformed event: {bytes(message)!r}')
        return False

    # Both without the base class's part, which formats every message for a debug log that nobody reads.
    def _cb_outbound(self, msg):
        self._on_line(True, bytes(msg))
        return msg

    def _cb_inbound(self, msg):
        self._on_line(False, bytes(msg))
        return msg


def _cause_of_end(err):
    """The Failure that an exception out of QMPClient.connect() or .disconnect() stands for."""
    while isinstance(getattr(err, 'exc', None), BaseException):
        err = err.exc  # ConnectError, GreetingError and the like wrap the cause
    if isinstance(err, EOFError):
        return Failure(TRANSPORT, 'QEMU closed the connection')
    if isinstance(err, (DeserializationError, UnicodeDecodeError)):
        raw = err.raw if isinstance(err, DeserializationError) else err.object
        if not raw.endswith(b'\n'):
            # Half a line is what the death of a QEMU in mid write looks like.
            return Failure(TRANSPORT, 'QEMU closed the connection in the middle of a message')
        return Failure(PROTOCOL, _shortened(f'not JSON: {raw!r}'))
    if isinstance(err, OSError):
        return Failure(TRANSPORT, f'the connection broke: {err.strerror or err}')
    if isinstance(err, asyncio.CancelledError):
        return Failure(TRANSPORT, 'the connection was closed before the greeting')
    text = getattr(err, 'error_message', None) or str(err) or type(err).__name__
    return Failure(PROTOCOL, _shortened(f'no QMP: {text}'))


def _shortened(text, limit=200):
    text = ' '.join(text.split())
    return text if len(text) <= limit else text[:limit] + '…'


def _encodable(text):
    # JSON can spell half a surrogate pair, which no encoding can.
    return text.encode('utf-8', 'backslashreplace').decode()


_start = threading.Lock()
_loop = None


def _running_loop():
    """The loop that all sessions share, started with the first of them."""
    global _loop  # pylint: disable=global-statement
    with _start:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            _loop.set_exception_handler(lambda _, context: _log.error('%s', context))
            threading.Thread(target=_loop.run_forever, name='qmp', daemon=True).start()
        return _loop
