using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using StragglerGuard.Core;
using StragglerGuard.Core.Timing;

namespace StragglerGuard.Benchmarks.Workloads;

/// <summary>
/// Frames of consecutive steps of a healthy job, all there at the same time, so that a pass over them can be timed without their making.
/// </summary>
internal sealed class FrameBatch
{
    /// <summary>Bytes of a rank that a detector reads: presence, compute time, units of work.</summary>
    public const int BytesReadPerRank = sizeof(bool) + sizeof(long) + sizeof(int);

    private const int UnitsOfWork = 8;
    private const double NsPerUnit = 20e6;

    private readonly StepFrameAssembler[] _assemblers;
    private readonly StepFrame[] _frames;
    private readonly PaceNoise _noise = new();
    private readonly int _ranks;
    private long _step;

    /// <summary>Makes the first frames.</summary>
    public FrameBatch(int ranks, int frames)
    {
        _ranks = ranks;
        _frames = new StepFrame[frames];

        // An assembler lends one frame at a time.
        _assemblers = [.. Enumerable.Range(0, frames).Select(_ => new StepFrameAssembler(ranks, new Generation(0), horizonSteps: 1))];
        Advance();
    }

    /// <summary>The frames in the order of their steps, until the next <see cref="Advance"/>.</summary>
    public ReadOnlySpan<StepFrame> Frames => _frames;

    /// <summary>Replaces all frames by those of the steps that follow.</summary>
    public void Advance()
    {
        for (int i = 0; i < _frames.Length; i++, _step++)
        {
            StepFrameAssembler assembler = _assemblers[i];
            assembler.Release();
            for (int rank = 0; rank < _ranks; rank++)
            {
                assembler.Add(new StepTiming
                {
                    Step = _step,
                    Rank = new Rank(rank),
                    ComputeNs = (long)(NsPerUnit * UnitsOfWork * _noise.Next()),
                    WorkUnits = UnitsOfWork,
                    Weight = UnitsOfWork,
                    DepartureNs = 1,
                });
            }

            _frames[i] = assembler.TryTake(out StepFrame? frame)
                ? frame
                : throw new InvalidOperationException($"The frame of step {_step} is not complete.");
        }
    }

    /// <summary>One pass over all bytes that a detector reads.</summary>
    public long SumOfBytesRead()
    {
        long sum = 0;
        foreach (StepFrame frame in _frames)
        {
            sum += TensorPrimitives.Sum(MemoryMarshal.AsBytes(frame.Present));
            sum += TensorPrimitives.Sum(frame.ComputeNs);
            sum += TensorPrimitives.Sum(frame.WorkUnits);
        }

        return sum;
    }
}
