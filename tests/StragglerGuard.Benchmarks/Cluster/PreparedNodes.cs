using System.Collections.Immutable;
using System.Globalization;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Serialization;
using Google.Protobuf;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.AkkaCluster.Messages.Wire;
using StragglerGuard.AkkaCluster.Settings;
using StragglerGuard.Benchmarks.Workloads;
using StragglerGuard.Core;
using StragglerGuard.Hosting;

namespace StragglerGuard.Benchmarks.Cluster;

/// <summary>
/// A share of the fleet's nodes over one actor system, with reports that are bytes already: what they take of the machine is the sending. They
/// say hello and ask for receipts as often as agents that report once a second, and keep nothing back.
/// </summary>
internal sealed class PreparedNodes : IAsyncDisposable
{
    /// <summary>Agents that report once a second ask with every third report.</summary>
    private const int ReportsPerReceipt = 3;

    private const int SecondsPerHello = 10;

    private readonly ReportingFleet _fleet;
    private readonly int _first;
    private readonly int _stride;
    private readonly ActorSystem _system;
    private readonly IActorRef _way;
    private readonly IActorRef _receiver;
    private readonly TaskCompletionSource<IActorRef> _welcomed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _receipts;
    private long _asked;

    /// <summary>Connects.</summary>
    /// <param name="fleet">The fleet.</param>
    /// <param name="first">Its first node here.</param>
    /// <param name="stride">From one node here to the next.</param>
    /// <param name="options">Of a client.</param>
    public PreparedNodes(ReportingFleet fleet, int first, int stride, StragglerGuardOptions options)
    {
        (_fleet, _first, _stride) = (fleet, first, stride);
        ClusterSettings settings = ClusterSettings.ReadOrThrow(options, ClusterRole.AgentClient);
        _system = ActorSystem.Create(GuardNames.System, ActorSystemSetup.Create(
            BootstrapSetup.Create().WithConfig(settings.Config),
            SerializationSetup.Create(system => ImmutableHashSet.Create(
                SerializerDetails.Create("prepared", new PreparedSerializer(system), [typeof(IFabricMessage), typeof(PreparedReport)])))));
        IReadOnlyCollection<Address> guardians =
            [.. options.Cluster.GuardianEndpoints.Select(guardian => Address.Parse(SystemConfig.AddressOf(guardian, isEncrypted: false)))];
        _way = _system.ActorOf(Props.Create(() => new ClientWay(guardians)));
        _receiver = _system.ActorOf(Props.Create(() => new Receiver(this)));
    }

    /// <summary>Receipts that were asked for and have not come.</summary>
    public long Unanswered => _asked - Interlocked.Read(ref _receipts);

    /// <summary>Waits for a welcome; then every rank's measured skew is told.</summary>
    public async Task BeginAsync()
    {
        while (!_welcomed.Task.IsCompleted)
        {
            SayHello(_first);
            await Task.WhenAny(_welcomed.Task, Task.Delay(TimeSpan.FromSeconds(1)));
        }

        for (int node = _first; node < _fleet.Nodes; node += _stride)
        {
            SayHello(node);
            Send(node, _fleet.SkewMessage(node), wantsReceipt: true, distance: 0);
        }
    }

    /// <summary>Reports what this second brought for the nodes up to one, beginning where the last call ended.</summary>
    /// <param name="told">Nodes that have reported this second; moved on.</param>
    /// <param name="due">Nodes that are to have.</param>
    /// <param name="second">The second.</param>
    public void Report(ref int told, int due, int second)
    {
        for (; told < due; told++)
        {
            int node = _first + (told * _stride);
            if ((second + told) % SecondsPerHello == 0)
            {
                SayHello(node);
            }

            Send(node, _fleet.Message(node), (second + told) % ReportsPerReceipt == 0, distance: 1);
        }
    }

    /// <summary>Nodes here.</summary>
    public int Count => (_fleet.Nodes - _first + _stride - 1) / _stride;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await _system.Terminate();

    private void SayHello(int node) =>
        _way.Tell(new AgentHello(new NodeId(string.Create(CultureInfo.InvariantCulture, $"node-{node}")), _receiver));

    private void Send(int node, ReadOnlySpan<byte> envelope, bool wantsReceipt, long distance)
    {
        _asked += wantsReceipt ? 1 : 0;

        // An agent's number is one of many, so that no two are the same.
        long agent = unchecked((long)((ulong)(node + 1) * 0x9E3779B97F4A7C15)) & long.MaxValue;
        _welcomed.Task.Result.Tell(PreparedReport.Of(envelope, wantsReceipt, agent, distance), _receiver);
    }

    private sealed class Receiver(PreparedNodes nodes) : UntypedActor
    {
        protected override void OnReceive(object message)
        {
            switch (message)
            {
                case GuardianWelcome welcome:
                    nodes._welcomed.TrySetResult(welcome.Intake);
                    break;
                case ReportReceipt:
                    Interlocked.Increment(ref nodes._receipts);
                    break;
            }
        }
    }

    /// <summary>A report as it lies on the wire.</summary>
    private sealed record PreparedReport(byte[] Bytes)
    {
        public static PreparedReport Of(ReadOnlySpan<byte> envelope, bool wantsReceipt, long agent, long distance)
        {
            const int Tags = 4;
            byte[] bytes = new byte[
                Tags + 1 + CodedOutputStream.ComputeInt64Size(agent) + CodedOutputStream.ComputeInt64Size(distance)
                + CodedOutputStream.ComputeLengthSize(envelope.Length) + envelope.Length];
            using var output = new CodedOutputStream(bytes);
            output.WriteTag(ReportMessage.WantsReceiptFieldNumber, WireFormat.WireType.Varint);
            output.WriteBool(wantsReceipt);
            output.WriteTag(ReportMessage.AgentFieldNumber, WireFormat.WireType.Varint);
            output.WriteInt64(agent);
            output.WriteTag(ReportMessage.DistanceFieldNumber, WireFormat.WireType.Varint);
            output.WriteInt64(distance);
            output.WriteTag(ReportMessage.EnvelopeFieldNumber, WireFormat.WireType.LengthDelimited);
            output.WriteLength(envelope.Length);
            envelope.CopyTo(bytes.AsSpan((int)output.Position));
            return new PreparedReport(bytes);
        }
    }

    /// <summary>The product's serializer, but for reports that are bytes already.</summary>
    private sealed class PreparedSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
    {
        private readonly FabricSerializer _product = new(system);

        public override int Identifier => FabricSerializer.FabricIdentifier;

        public override string Manifest(object o) => o is PreparedReport ? "report:1" : _product.Manifest(o);

        public override byte[] ToBinary(object obj) => obj is PreparedReport report ? report.Bytes : _product.ToBinary(obj);

        public override object FromBinary(byte[] bytes, string manifest) => _product.FromBinary(bytes, manifest);
    }
}
