"""QMP sessions over QEMU's own library, qemu.qmp.

memrig embeds this module; it also works in plain Python. From the top of the tree, with QEMU started as
`qemu-system-x86_64 -machine none -display none -qmp unix:/tmp/qmp,server=on,wait=off`:

    $ PYTHONPATH=~/.cache/memrig/python:rig /usr/bin/python3
    >>> import qmp
    >>> with qmp.connect('/tmp/qmp') as session:
    ...     session.execute('query-status')
    ...     session.execute('stop')
    ...     session.wait_event(lambda event: event['event'] == 'STOP', timeout=1)
    ...     session.transcript[-1]

(tools/setup puts qemu.qmp into the first directory if the system has none.) All sessions share one asyncio loop, which
runs on a thread of its own. Every method here may be called from any other thread.
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

# Kinds of failure, in Failure.kind and in the callbacks of open_soon() and submit():
TRANSPORT = 'transport'  # the connection is gone
PROTOCOL = 'protocol'    # the peer sent something that is not QMP
REFUSED = 'refused'      # QEMU understood the command and refused it
DEADLINE = 'deadline'    # no answer in time
OK = 'ok'                # no failure: the command succeeded

KEPT_EVENTS = 4096
KEPT_LINES = 65536

_log = logging.getLogger('memrig.qmp')
_log.addHandler(logging.NullHandler())


class Failure(Exception):
    """A command or a connection that failed. `kind` is one of the above; `error_class` is QEMU's class of a refusal."""

    def __init__(self, kind, description, error_class=''):
        super().__init__(description)
        self.kind = kind
        self.error_class = _encodable(error_class)
        self.description = _encodable(description)


def connect(path, timeout=10.0):
    """Connects to the monitor that listens at the UNIX socket `path` and returns the Session, ready for commands.

    Enables out-of-band commands if the server offers them. `timeout` is in seconds. Raises Failure.
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
    """Returns a Session over a connected socket's descriptor, which it takes over. Does not wait. memrig uses this.

    The callbacks run on the loop's thread and must not wait:
    on_open(oob) is called at most once, when the session is ready.
    on_end(kind, description) is called exactly once, last, when the session is over.
    on_event(line) is called for each event, and returns whether the event is well-formed.
    on_line(sent, line) is called for each message that crosses the socket.
    Lines are bytes, as they were on the wire.
    """
    return Session(socket.socket(fileno=descriptor), on_open, on_end, on_event, on_line)


class Session:
    """One QMP session. connect() and open_soon() make it."""

    def __init__(self, sock, on_open=None, on_end=None, on_event=None, on_line=None):
        self.oob = False           # whether the server takes out-of-band commands
        self.opened = threading.Event()  # set when the session is ready for commands, or has failed
        self.ended = threading.Event()
        self.failure = None        # the Failure that ended the session
        self.events = collections.deque(maxlen=KEPT_EVENTS)  # the newest events, oldest first, as QEMU sent them
        self.transcript = collections.deque(maxlen=KEPT_LINES)  # pairs (sent by memrig, text)
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
        """Runs a command and returns its `return` value. With `oob`, it runs ahead of the queue. Raises Failure."""
        future = asyncio.run_coroutine_threadsafe(self._execute(command, arguments, oob), self._loop)
        try:
            return future.result(timeout)
        except (asyncio.TimeoutError, TimeoutError) as err:
            future.cancel()
            raise Failure(DEADLINE, f'{command}: no answer within {timeout} s') from err

    def submit(self, command, arguments, oob, done):
        """Runs a command without waiting. `arguments` is JSON text or empty.

        Calls done(OK, '', JSON text) or done(kind, error class, description) exactly once, on the loop's thread.
        """
        self._loop.call_soon_threadsafe(self._spawn, self._submit(command, arguments, oob, done))

    def wait_event(self, wanted, timeout=10.0):
        """Returns the oldest kept event for which wanted(event) holds, or waits for one. Raises Failure."""
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
        """Ends the session, whatever the state of the peer. Commands in flight fail with kind TRANSPORT."""
        self.close_soon()
        self.ended.wait(timeout)

    def close_soon(self):
        """Ends the session as close() does, but does not wait for the end."""
        self._loop.call_soon_threadsafe(self._end)

    # All functions below run on the loop's thread.

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
            # Not disconnect(): it first flushes unsent data, which never ends if the peer does not read.
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # already over

    async def _live(self):
        """Runs the session, from the greeting to the end of the connection."""
        client = self._client
        try:
            try:
                await client.connect(self._socket)
            except AssertionError:
                # The library asserts that the session still runs. If the peer just ended it, disconnect() raises why.
                if client.runstate is not Runstate.DISCONNECTING:
                    raise
            self.oob = 'oob' in client.greeting.QMP.capabilities
            self.opened.set()
            self._on_open(self.oob)
            while client.runstate is Runstate.RUNNING:
                await client.runstate_changed()
            await client.disconnect()  # raises the reason of the end
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
            # The thread that waits for this answer must get one, whatever the exception is.
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
    """Passes on each message that crosses the socket, and keeps none."""

    def __init__(self, on_event, on_line):
        super().__init__()
        self._on_event = on_event
        self._on_line = on_line
        # The default listener would keep every event for ever; it drops the events that its filter refuses.
        self.events.event_filter = self._take_event

    def _take_event(self, message):
        if not self._on_event(bytes(message)):
            raise ProtocolError(f'malformed event: {bytes(message)!r}')
        return False

    # Neither function calls the base class, which formats every message for a debug log that nobody reads.
    def _cb_outbound(self, msg):
        self._on_line(True, bytes(msg))
        return msg

    def _cb_inbound(self, msg):
        self._on_line(False, bytes(msg))
        return msg


def _cause_of_end(err):
    """Returns the Failure for an exception from QMPClient.connect() or QMPClient.disconnect()."""
    while isinstance(getattr(err, 'exc', None), BaseException):
        err = err.exc  # ConnectError, GreetingError and the like wrap the cause
    if isinstance(err, EOFError):
        return Failure(TRANSPORT, 'QEMU closed the connection')
    if isinstance(err, (DeserializationError, UnicodeDecodeError)):
        raw = err.raw if isinstance(err, DeserializationError) else err.object
        if not raw.endswith(b'\n'):
            # A QEMU that dies while it writes leaves half a line.
            return Failure(TRANSPORT, 'QEMU closed the connection in the middle of a message')
        return Failure(PROTOCOL, _shortened(f'not JSON: {raw!r}'))
    if isinstance(err, OSError):
        return Failure(TRANSPORT, f'the connection broke: {err.strerror or err}')
    if isinstance(err, asyncio.CancelledError):
        return Failure(TRANSPORT, 'the connection was closed before the greeting')
    text = getattr(err, 'error_message', None) or str(err) or type(err).__name__
    return Failure(PROTOCOL, _shortened(f'not QMP: {text}'))


def _shortened(text, limit=200):
    text = ' '.join(text.split())
    return text if len(text) <= limit else text[:limit] + '…'


def _encodable(text):
    # JSON can spell half of a surrogate pair, which UTF-8 cannot encode.
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
