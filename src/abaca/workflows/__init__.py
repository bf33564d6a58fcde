"""Several jobs that belong together: chains, groups, and any graph without a cycle."""

from abaca.workflows.chains import Chain, Group, chain, group
from abaca.workflows.graph import Node, Workflow, all_of, maybe
from abaca.workflows.handle import GroupHandle, WorkflowHandle, WorkflowProgress

__all__ = [
    "Chain",
    "Group",
    "GroupHandle",
    "Node",
    "Workflow",
    "WorkflowHandle",
    "WorkflowProgress",
    "all_of",
    "chain",
    "group",
    "maybe",
]
