using StragglerGuard.Core.WhatIf;

namespace StragglerGuard.Traces;

/// <summary>What came of reading an operation trace.</summary>
public sealed class OperationsReading
{
    private readonly string _path;
    private readonly int[] _lines;

    internal OperationsReading(string path, string fault)
        : this(path, null, [], TraceFaults.None) => Fault = fault;

    internal OperationsReading(string path, OperationTrace? trace, int[] lines, TraceFaults faults)
    {
        _path = path;
        _lines = lines;
        Trace = trace;
        BadRecords = faults;
    }

    /// <summary>The good records, one or more; null where <see cref="Fault"/> says why there are none.</summary>
    public OperationTrace? Trace { get; }

    /// <summary>Why there is nothing to judge, in one line that names the file; null where there is.</summary>
    public string? Fault { get; internal init; }

    /// <summary>The records that were left out.</summary>
    public TraceFaults BadRecords { get; }

    /// <summary>The bad records including those that turned out to be duplicates when the trace was judged.</summary>
    /// <param name="coverage">Of the report on <see cref="Trace"/>.</param>
    public TraceFaults BadRecordsWith(TraceCoverage coverage)
    {
        ArgumentNullException.ThrowIfNull(coverage);
        var log = new FaultLog();
        foreach (int record in coverage.DuplicateRecords.Where(record => record < _lines.Length))
        {
            log.Add(_path, _lines[record], "the same operation was recorded before");
        }

        TraceFaults duplicates = log.ToFaults();
        return coverage.Duplicates == 0
            ? BadRecords
            : new TraceFaults(BadRecords.Count + coverage.Duplicates, [.. BadRecords.First.Concat(duplicates.First).Take(TraceFaults.ListedMax)]);
    }
}
