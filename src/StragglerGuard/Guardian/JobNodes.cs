using StragglerGuard.Core;
using StragglerGuard.Fabric;

namespace StragglerGuard.Guardian;

/// <summary>The nodes that a job's plans go to: those whose reports named it, whatever of it they named.</summary>
/// <remarks>
/// Not only those of the generation that is judged: a worker that waits to be taken in, and a rank whose group failed before it heard of the plan
/// that followed, wait for the next plan, too, and their nodes go on reporting. So a node counts from its first report in a generation of the job to
/// the end of the generation after: one that is alive has reported again by then. A node too many costs a message that its agent ignores.
/// </remarks>
internal sealed class JobNodes
{
    /// <summary>More than a job may have ranks are none of its nodes; made-up names must not take all memory.</summary>
    private const int NodesMax = RankEnrollment.WorldSizeMax;

    private readonly HashSet<NodeId> _former;
    private readonly HashSet<NodeId> _heard = [];
    private HashSet<NodeId>? _all;

    /// <summary>Begins a generation.</summary>
    /// <param name="former">The nodes of the generation before; null for the first that is heard of.</param>
    public JobNodes(JobNodes? former) => _former = former?._heard ?? [];

    /// <summary>All of them, as of now: what was given before is not changed by what is heard later.</summary>
    public IReadOnlySet<NodeId> All => _all ??= [.. _former, .. _heard];

    /// <summary>A node's report names the job. One that is known already takes no memory.</summary>
    public void Hear(NodeId node)
    {
        if (_heard.Count < NodesMax && _heard.Add(node) && !_former.Contains(node))
        {
            _all = null;
        }
    }
}
