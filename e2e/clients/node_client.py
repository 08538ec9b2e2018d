"""A client from npm in a process of its own, asked for one thing at a time: a line of JSON each way."""

import json
import queue
import subprocess
import threading

ANSWER_DEADLINE_S = 60


class NodeClientError(Exception):
    """What the client threw: its `errorCode`, or the name of the error where it has none."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class NodeClient:
    def __init__(self, script, environment):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(["node", script], stdin=pipe, stdout=pipe, text=True, env=environment)
        self.answers = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put("")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def __call__(self, case, *arguments):
        """The value of one case of the script."""
        self.process.stdin.write(json.dumps({"case": case, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        line = self.answers.get(timeout=ANSWER_DEADLINE_S)
        assert line, f"the client ended with code {self.process.wait()}"
        answer = json.loads(line)
        if "error" in answer:
            raise NodeClientError(answer["error"]["code"], answer["error"]["message"])
        return answer.get("value")
