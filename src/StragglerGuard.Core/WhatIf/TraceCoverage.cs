using System.Globalization;

namespace StragglerGuard.Core.WhatIf;

/// <summary>How much of a trace was judged. Only steps that all judged replicas recorded whole can be replayed.</summary>
/// <param name="Operations">Operations in the trace.</param>
/// <param name="OperationsJudged">Operations that were replayed.</param>
/// <param name="Duplicates">Operations left out because the same one had been seen before.</param>
/// <param name="DuplicateRecords">The first of them by place in the trace, at most 20.</param>
/// <param name="StepsJudged">Steps that were replayed.</param>
/// <param name="StepsSkipped">Steps left out because a judged replica lacks an operation in them, or has one too many.</param>
/// <param name="ReplicasSkipped">Replicas left out because most of their steps are incomplete, ascending.</param>
public sealed record TraceCoverage(
    int Operations,
    int OperationsJudged,
    int Duplicates,
    IReadOnlyList<int> DuplicateRecords,
    int StepsJudged,
    int StepsSkipped,
    IReadOnlyList<int> ReplicasSkipped)
{
    /// <summary>Whether every operation was judged.</summary>
    public bool IsWhole => Operations == OperationsJudged;

    /// <inheritdoc/>
    public override string ToString()
    {
        if (IsWhole)
        {
            return string.Create(CultureInfo.InvariantCulture, $"all {Operations} operations of {StepsJudged} steps");
        }

        string replicas = ReplicasSkipped.Count == 0 ? "" : $", replicas {string.Join(", ", ReplicasSkipped)}";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{OperationsJudged} of {Operations} operations, {StepsJudged} steps; left out: {StepsSkipped} steps, {Duplicates} duplicates{replicas}");
    }
}
