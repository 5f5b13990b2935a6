using System.Collections.Concurrent;
using StragglerGuard.Agent;
using StragglerGuard.Collectives.Devices;
using StragglerGuard.Collectives.Operations;
using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;
using StragglerGuard.Core.Attribution;
using StragglerGuard.Fabric;
using StragglerGuard.Hosting;

namespace StragglerGuard.Tests.Agent;

public sealed class DeviceWatchTests
{
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(30);
    private static readonly DeviceReading Reading = new(1_500, 1_980, IsThrottled: false) { PowerWatts = 300 };

    [Fact]
    public void Reports_OfAnAgentWithAReader_CarryWhatTheDevicesSay()
    {
        var reader = new ScriptedReader(worker => worker.DeviceUuid == "GPU-0" ? Reading : default);

        Report(reader, until: report => report.Ranks.Any(rank => rank.Device == Reading));

        reader.Threads.Should().NotContain(Environment.CurrentManagedThreadId).And.HaveCount(1, "it has a thread of its own");
        reader.Asked.Should().OnlyContain(worker => worker == GuardedRanks.Enrollment(0, 1).Worker);
    }

    [Fact]
    public void Reports_WhereTheReaderFails_GoOnWithoutReadings()
    {
        var reader = new ScriptedReader(_ => throw new InvalidOperationException("the driver is gone"));

        var reports = Report(reader, until: _ => reader.Asked.Count >= 3);

        reports.SelectMany(report => report.Ranks).Should().NotBeEmpty().And.OnlyContain(rank => rank.Device == default);
    }

    [Fact]
    public void Reports_WhereADriverHangs_GoOnWithoutReadings()
    {
        using var answered = new ManualResetEventSlim();
        var reader = new ScriptedReader(_ =>
        {
            answered.Wait(Promptly);
            return Reading;
        });

        var seen = 0;
        var reports = Report(reader, until: report => !reader.Asked.IsEmpty && ++seen >= 5);

        reports.SelectMany(report => report.Ranks).Should().OnlyContain(rank => rank.Device == default);
        reader.Asked.Should().ContainSingle("the first question has no answer yet");
        answered.Set();
    }

    [Fact]
    public void Reports_OfAnAgentWithoutAReader_KnowNothingOfDevices()
    {
        var seen = 0;
        Report(null, until: _ => ++seen >= 2).SelectMany(report => report.Ranks).Should().OnlyContain(rank => !rank.Device.IsKnown);
    }

    /// <summary>One rank that does nothing, and an agent that reports as often as it can, until a report is as wanted.</summary>
    private static IReadOnlyList<NodeReport> Report(IDeviceReader? reader, Func<NodeReport, bool> until)
    {
        var fabric = new WatchedDelivery(until);
        using var transport = InProcessGroup.Create(1).Transports[0];
        using var device = new CpuDevice();
        using var communicator = new Communicator(transport, device);
        using (var agent = new NodeAgent(fabric, new NodeId("node-0"), new AgentSection { IntervalMs = 1 }, reader))
        {
            using RankGuard guard = agent.Join(GuardedRanks.Enrollment(0, 1), communicator);
            fabric.Seen.Wait(Promptly).Should().BeTrue("such a report comes");
        }

        return [.. fabric.Reports];
    }

    private sealed class ScriptedReader(Func<WorkerId, DeviceReading> answer) : IDeviceReader
    {
        public ConcurrentQueue<WorkerId> Asked { get; } = new();

        public ConcurrentDictionary<int, bool> ThreadIds { get; } = new();

        public ICollection<int> Threads => ThreadIds.Keys;

        public DeviceReading Read(WorkerId worker)
        {
            Asked.Enqueue(worker);
            ThreadIds[Environment.CurrentManagedThreadId] = true;
            return answer(worker);
        }
    }

    private sealed class WatchedDelivery(Func<NodeReport, bool> until) : IAgentFabric, IAgentPort
    {
        public ConcurrentQueue<NodeReport> Reports { get; } = new();

        public ManualResetEventSlim Seen { get; } = new();

        public long ReportsDropped => 0;

        public long GuardiansMet => 0;

        public IAgentPort OpenAgent(NodeId node, Action<OfferedPlan> onOffer) => this;

        public void Report(NodeReport report)
        {
            Reports.Enqueue(report);
            if (!Seen.IsSet && until(report))
            {
                Seen.Set();
            }
        }

        public ValueTask<bool> FlushAsync(TimeSpan timeout) => ValueTask.FromResult(true);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        public void Dispose()
        {
            // Read by the test afterwards.
        }
    }
}
