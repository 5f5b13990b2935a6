using System.Net;
using System.Net.Sockets;
using StragglerGuard.Benchmarks.Measurement;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Benchmarks.Workloads;

/// <summary>The ranks of a group: a thread, a device and a vector of zeros each, so that no sum ever grows.</summary>
internal sealed class RankGroup : IDisposable
{
    /// <summary>Numbers of a ballot.</summary>
    public const int BallotElements = 4;

    private readonly RankCrew _crew;
    private readonly IReadOnlyList<ITransport> _transports;
    private readonly CpuDevice[] _devices;
    private readonly DeviceBuffer<float>[] _vectors;
    private readonly Communicator[] _communicators;
    private readonly CollectiveTiming[] _first;
    private readonly CollectiveTiming[] _last;
    private readonly long[] _bytes;
    private PartialReducer<float>[] _reducers = [];

    private RankGroup(RankCrew crew, IReadOnlyList<ITransport> transports, int elementsMax)
    {
        _crew = crew;
        _transports = transports;
        _devices = [.. transports.Select(_ => new CpuDevice())];
        _vectors = [.. _devices.Select(device => device.Allocate<float>(elementsMax))];
        _communicators = [.. transports.Select((transport, rank) => new Communicator(transport, _devices[rank]))];
        _first = new CollectiveTiming[transports.Count];
        _last = new CollectiveTiming[transports.Count];
        _bytes = new long[transports.Count];
        RequireRightSum();
    }

    /// <summary>Ranks that share memory.</summary>
    public static RankGroup InProcess(int ranks, int elementsMax) =>
        new(new RankCrew(ranks), InProcessGroup.Create(ranks).Transports, elementsMax);

    /// <summary>Ranks that talk over TCP on loopback, as processes would.</summary>
    public static RankGroup OverLoopback(int ranks, int elementsMax)
    {
        Socket[] listeners = [.. Enumerable.Range(0, ranks).Select(_ => TcpTransport.ListenOnLoopback())];
        IPEndPoint[] endpoints = [.. listeners.Select(listener => (IPEndPoint)listener.LocalEndPoint!)];
        var transports = new ITransport[ranks];
        var crew = new RankCrew(ranks);
        crew.Run(rank => transports[rank] =
            TcpTransport.Connect(listeners[rank], endpoints, new TcpIdentity(new Rank(rank), jobToken: "benchmark")));
        return new RankGroup(crew, transports, elementsMax);
    }

    /// <summary>One all-reduce of the vectors' first elements a turn.</summary>
    public Contestant AllReduce(int elements) => Timed(1, rank =>
    {
        _communicators[rank].Barrier();
        _first[rank] = _last[rank] = _communicators[rank].AllReduce(_vectors[rank].Slice(0, elements));
    });

    /// <summary>Ballots back to back.</summary>
    /// <param name="count">Ballots a turn.</param>
    public Contestant Ballots(int count) => Timed(count, rank =>
    {
        Span<double> ballot = stackalloc double[BallotElements];
        ballot.Clear();
        _communicators[rank].Barrier();
        _first[rank] = _last[rank] = _communicators[rank].AllReduce(ballot);
        for (int i = 1; i < count; i++)
        {
            _last[rank] = _communicators[rank].AllReduce(ballot);
        }
    });

    /// <summary>Ends of steps back to back: a ballot and an all-reduce.</summary>
    /// <param name="elements">Gradients.</param>
    /// <param name="count">Steps a turn.</param>
    /// <param name="isPartial">Through a partial reducer, which could do without some of them; else the two collectives alone.</param>
    public Contestant StepEnds(int elements, int count, bool isPartial)
    {
        if (isPartial && _reducers.Length == 0)
        {
            _reducers = new PartialReducer<float>[_crew.Ranks];
            _crew.Run(rank => _reducers[rank] = new PartialReducer<float>(
                _communicators[rank], _vectors[rank].Slice(0, elements), BallotElements));
        }

        return Timed(count, rank =>
        {
            Span<double> ballot = stackalloc double[BallotElements];
            ballot.Clear();
            _communicators[rank].Barrier();
            for (int i = 0; i < count; i++)
            {
                CollectiveTiming first;
                if (isPartial)
                {
                    _reducers[rank].BeginStep(backups: 0, ballot);
                    PartialReduction reduction = _reducers[rank].Finish(ballot);
                    (first, _last[rank]) = (reduction.Ballot, reduction.Gradients);
                }
                else
                {
                    first = _communicators[rank].AllReduce(ballot);
                    _last[rank] = _communicators[rank].AllReduce(_vectors[rank].Slice(0, elements));
                }

                _first[rank] = i == 0 ? first : _first[rank];
            }
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _crew.Run(rank =>
        {
            if (_reducers.Length > 0)
            {
                _reducers[rank].Dispose();
            }

            _communicators[rank].Dispose();
            _vectors[rank].Dispose();
            _devices[rank].Dispose();
            _transports[rank].Dispose();
        });
        _crew.Dispose();
    }

    /// <summary>From the first rank's entry to the last one's exit, after a barrier: waking the threads is no part of it.</summary>
    private Contestant Timed(int operations, Action<int> collectives)
    {
        void Work(int rank)
        {
            long bytesBefore = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                collectives(rank);
            }
            catch (Exception failed)
            {
                _transports[rank].Abort(failed.Message);
                throw;
            }

            _bytes[rank] = GC.GetAllocatedBytesForCurrentThread() - bytesBefore;
        }

        Action<int> work = Work;
        return new Contestant(operations, () =>
        {
            _crew.Run(work);
            return new Turn(_last.Max(timing => timing.ExitNs) - _first.Min(timing => timing.EnterNs), _bytes.Sum());
        });
    }

    /// <summary>The answer must be right before its speed counts; also brings all memory in.</summary>
    private void RequireRightSum()
    {
        Array.ForEach(_vectors, vector => vector.HostSpan.Fill(1));
        AllReduce(_vectors[0].Length).Take();
        if (_vectors.Any(vector => vector.HostSpan.ContainsAnyExcept((float)_vectors.Length)))
        {
            throw new InvalidOperationException("The all-reduce's sum is wrong.");
        }

        Array.ForEach(_vectors, vector => vector.HostSpan.Clear());
    }
}
