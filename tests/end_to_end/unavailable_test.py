"""What this machine does not have is answered clearly: status failed, kind unavailable, exit code 125."""

import os
from unittest import mock

import support
from support import Case


class Unavailable(Case):
    def assert_unavailable(self, *args):
        done, result = self.run_json(*args)
        self.assertEqual((done.code, result["status"], result["error"]["kind"]), (125, "failed", "unavailable"), str(done))
        return result["error"]["message"]

    def test_a_machine_without_a_container_engine(self):
        policy = self.policy(capabilities=["exec_run"], allowed_commands=["true"])
        for address in ("unix:///nowhere/engine.sock", "tcp://127.0.0.1:1"):
            with mock.patch.dict(os.environ, {"DOCKER_HOST": address}):
                message = self.assert_unavailable("run", "--policy", policy, "--image", "alpine", "--json", "true")
            self.assertIn(address.removeprefix("unix://"), message)


if __name__ == "__main__":
    support.main()
