"""A completion server on loopback that speaks vLLM's protocol, with a script of what it answers.

Shapes of chunks, errors and /tokenize: vllm/entrypoints/openai/completion/serving.py and
vllm/entrypoints/serve of vLLM.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BREAK = object()
"""In a script: the connection is cut."""
STALL = object()
"""In a script: nothing more comes until the client leaves."""

Script = Callable[[dict[str, Any]], Sequence[Any]]
"""The body of a request -> the pieces of its answer; a number is a status to fail with."""


class CompletionServer(ThreadingHTTPServer):
    """Serves `models`; remembers the bodies of the requests and who left in the middle."""

    daemon_threads = True

    def __init__(self, script: Script, models: Sequence[str], key: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.models = list(models)
        self.key = key
        self.counts_tokens = True
        self.requests: list[dict[str, Any]] = []
        self.left = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(
    script: Script, models: Sequence[str], key: str | None = None
) -> Iterator[CompletionServer]:
    """A running server."""
    server = CompletionServer(script, models, key)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CompletionServer

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self._allowed() and self.path == "/v1/models":
            data = [{"id": name, "object": "model", "created": 1} for name in self.server.models]
            self._json(200, {"object": "list", "data": data})
        else:
            self._fail(404, "Not Found")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._allowed():
            return
        if self.path == "/tokenize" and self.server.counts_tokens:
            tokens = body["prompt"].split()
            self._json(200, {"count": len(tokens), "max_model_len": 2048, "tokens": [1]})
        elif self.path != "/v1/completions":
            self._fail(404, "Not Found")
        elif body["model"] not in self.server.models:
            self._fail(404, f"The model `{body['model']}` does not exist.")
        else:
            self.server.requests.append(body)
            self._answer(body)

    def _answer(self, body: dict[str, Any]) -> None:
        pieces = list(self.server.script(body))
        if pieces and isinstance(pieces[0], int):
            self._fail(pieces[0], "scripted failure")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for place, piece in enumerate(pieces):
                if piece is BREAK:
                    self.close_connection = True
                    return
                if piece is STALL:
                    self._wait_for_the_client_to_leave()
                    return
                if isinstance(piece, dict):
                    self._send(piece)
                else:
                    last = place == len(pieces) - 1
                    self._send(_chunk(body["model"], piece, "stop" if last else None))
            self._send("[DONE]")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.left.set()
            self.close_connection = True

    def _send(self, data: dict[str, Any] | str) -> None:
        # exclude_unset, as vLLM does; a piece of a character may come in any chunk
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        line = f"data: {text}\n\n".encode()
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.flush()

    def _wait_for_the_client_to_leave(self) -> None:
        self.connection.settimeout(10)
        try:
            if self.connection.recv(1) == b"":
                self.server.left.set()
        except ConnectionError:
            self.server.left.set()
        except TimeoutError:
            pass
        self.close_connection = True

    def _allowed(self) -> bool:
        if self.server.key in (None, (self.headers["Authorization"] or "").removeprefix("Bearer ")):
            return True
        self._json(401, {"error": "Unauthorized"})
        return False

    def _fail(self, status: int, message: str) -> None:
        kind = "NotFoundError" if status == 404 else "InternalServerError"
        error = {"message": message, "type": kind, "param": None, "code": status}
        self._json(status, {"error": error})

    def _json(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _chunk(model: str, text: str, finish_reason: str | None) -> dict[str, Any]:
    return {
        "id": "cmpl-0123456789abcdef",
        "object": "text_completion",
        "created": 1763000000,
        "model": model,
        "choices": [
            {
                "index": 0,
                "text": text,
                "logprobs": None,
                "finish_reason": finish_reason,
                "stop_reason": None,
                "prompt_token_ids": None,
                "token_ids": None,
            }
        ],
    }
