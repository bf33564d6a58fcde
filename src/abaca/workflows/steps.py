"""The types of tasks by what they take: a task is a ``Step[A, R]`` when one argument of type A is enough to call it."""

from __future__ import annotations

from typing import Protocol, TypeVar

from abaca.tasks import Call

A_contra = TypeVar("A_contra", contravariant=True)
B_contra = TypeVar("B_contra", contravariant=True)
C_contra = TypeVar("C_contra", contravariant=True)
D_contra = TypeVar("D_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Step(Protocol[A_contra, R_co]):
    def call(self, first: A_contra, /) -> Call[R_co]: ...


class Step2(Protocol[A_contra, B_contra, R_co]):
    def call(self, first: A_contra, second: B_contra, /) -> Call[R_co]: ...


class Step3(Protocol[A_contra, B_contra, C_contra, R_co]):
    def call(self, first: A_contra, second: B_contra, third: C_contra, /) -> Call[R_co]: ...


class Step4(Protocol[A_contra, B_contra, C_contra, D_contra, R_co]):
    def call(self, first: A_contra, second: B_contra, third: C_contra, fourth: D_contra, /) -> Call[R_co]: ...
