"""The engine: compiles in a sandbox, and needs nothing else of Abaca."""

from __future__ import annotations

import logging

import msgspec

from abaca_compile.assembling import assembled, ran
from abaca_compile.bare import Bare
from abaca_compile.catalogue import Catalogue
from abaca_compile.drivers import Plan, drivers
from abaca_compile.errors import Unsandboxed
from abaca_compile.model import (
    Built,
    Compilation,
    CompileLimits,
    CompileOutcome,
    Environment,
    Result,
    RunPlan,
    Submission,
)
from abaca_compile.toolchains import Runs
from abaca_compile.validation import Bounds, accepted
from abaca_compile.warm import Warm
from abaca_sandbox import Limits, Mount, Outcome, Program

_ADDRESSES = 4 << 30  # a compiler reserves more than it touches; what it touches is limited by ``memory_mb``
_log = logging.getLogger("abaca.compile")


class Engine:
    """Compiles sources with the environments of a catalogue.

    ``sandbox`` is an opened ``abaca_sandbox.Sandbox``. Without one nothing is compiled, unless ``allow_unsandboxed``
    says that every source comes from somebody who may do on this machine whatever its user may.
    ``warm`` are caches that jobs read.
    """

    def __init__(
        self,
        sandbox: Runs | None,
        environments: Catalogue,
        *,
        bounds: Bounds | None = None,
        warm: Warm | None = None,
        allow_unsandboxed: bool = False,
    ) -> None:
        if sandbox is None:
            if not allow_unsandboxed:
                raise Unsandboxed(
                    "there is no sandbox, so sources of others are not compiled here: a compiler can read every file "
                    "that its user can; install the sandbox (abaca sandbox setup), or set "
                    "ABACA_COMPILE_ALLOW_UNSANDBOXED=true where every source is your own"
                )
            _log.warning(
                "compile.unsandboxed: sources are compiled WITHOUT a sandbox; whoever may submit one can read every "
                "file of this user and stay on this machine"
            )
        self._runs: Runs = sandbox or Bare()
        self._bounds = bounds or Bounds()
        self._warm = warm
        self._drivers = drivers()
        self.environments = environments

    async def compile(self, request: Submission | Compilation) -> Result:
        """Compile for one environment. Raises ``ValidationError`` for a request that cannot be run as it is."""
        return (await self.build(request)).result

    async def build(self, request: Submission | Compilation) -> Built:
        """The same, with the bytes of what was built."""
        compilation = self._one(request)
        environment = self.environments.resolve(compilation.environment)
        plan = self._plan(compilation, environment)
        outcome = await self._runs.run(_program(compilation, environment, plan), _limits(compilation.limits, plan))
        result = assembled(compilation, environment, plan, outcome)
        artifact = outcome.collected.get(plan.artifact) if plan.artifact and result.artifact else None
        if compilation.run is not None and result.outcome is CompileOutcome.COMPILED and plan.run is not None:
            did = ran(await self._run(compilation, compilation.run, environment, plan, artifact))
            timings = msgspec.structs.replace(result.timings, run_ms=did.wall_ms)
            result = msgspec.structs.replace(result, run=did, timings=timings)
        return Built(result=result, artifact=artifact)

    def accept(self, submission: Submission) -> tuple[Compilation, ...]:
        """The compilations that a submission means, one for each of its environments. Raises ``ValidationError``."""
        return accepted(submission, self.environments, self._bounds)

    def _plan(self, compilation: Compilation, environment: Environment) -> Plan:
        plan = self._drivers[environment.family].plan(compilation, environment)
        return plan if self._warm is None else self._warm.used_by(plan, compilation, environment)

    def _one(self, request: Submission | Compilation) -> Compilation:
        if isinstance(request, Compilation):
            return request
        compilations = self.accept(request)
        if len(compilations) != 1:
            raise ValueError(f"compile() takes one environment, and {len(compilations)} are named; use accept()")
        return compilations[0]

    async def _run(
        self, compilation: Compilation, run: RunPlan, environment: Environment, plan: Plan, artifact: bytes | None
    ) -> Outcome:
        """Run what was built, in a sandbox of its own that holds it and not the sources."""
        files = {file.name: file.content for file in compilation.files}
        if plan.artifact is not None and artifact is not None:
            files = {plan.artifact: artifact}
        program = Program(
            argv=(*(plan.run or ()), *run.args),
            files=files,
            stdin=run.stdin,
            env={"LC_ALL": "C.UTF-8"},
            mounts=tuple(Mount(path, path) for path in environment.mounts),
            root=environment.image,
        )
        return await self._runs.run(program, _limits(run.limits, plan, is_run=True))


def _program(compilation: Compilation, environment: Environment, plan: Plan) -> Program:
    return Program(
        argv=plan.argv,
        files={**{file.name: file.content for file in compilation.files}, **plan.files},
        env=plan.env,
        mounts=(*(Mount(path, path) for path in environment.mounts), *plan.mounts),
        root=environment.image,
        collect=(plan.artifact,) if plan.artifact else (),
    )


def _limits(limits: CompileLimits, plan: Plan, *, is_run: bool = False) -> Limits:
    return Limits(
        wall=limits.wall_ms / 1000,
        cpu=limits.cpu_ms / 1000,
        memory=limits.memory_mb << 20,
        processes=limits.processes,
        output=limits.output_kb << 10,
        work=limits.work_mb << 20,
        file_size=limits.file_mb << 20,
        collected=limits.file_mb << 20,
        address_space=None if plan.is_managed or is_run else max(_ADDRESSES, 4 * (limits.memory_mb << 20)),
    )
