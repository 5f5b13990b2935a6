using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Fabric;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Agents;

/// <summary>The agent's window and the guardian's book together: what the one takes for acknowledged the other has.</summary>
public sealed class ReportDeliveryTests
{
    private const long Second = 1_000_000_000;

    /// <summary>
    /// An agent, two ways that lose what they like and break with and without a word, and guardians that come and go, by chance. Whatever
    /// happened before: once a guardian is there and either way is open, everything comes to rest, nothing was asked too often, every report
    /// has come to a guardian, and the newest to that one.
    /// </summary>
    [Fact]
    public void Reports_ThroughAnyTroubles_AllComeAndTheAgentComesToRest()
    {
        Gen<Weather> weather =
            from guardian in Gen.Choose(0, 3)
            from direct in Gen.Elements(true, true, false)
            from detour in Gen.Elements(true, true, false)
            from reports in Gen.Choose(0, 6)
            from breaks in Gen.Elements(false, false, true)
            from lost in Gen.Elements(0, 0, 0b1, 0b10, 0b0101_1010, 0xFFFF).Zip(Gen.Choose(0, 0xFFFF)).Select(masks => masks.Item1 & masks.Item2)
            from lostReceipts in Gen.Elements(0, 0, 0b10, 0xFFFF)
            select new Weather(guardian, direct, detour, reports, breaks, lost, lostReceipts);
        Gen<(Weather[] Past, bool EndsDirect)> lives =
            from past in Gen.ArrayOf(weather)
            from endsDirect in Gen.Elements(true, false)
            select (past, endsDirect);

        Prop.ForAll(lives.ToArbitrary(), life =>
        {
            var agent = new SimulatedAgent();
            foreach (Weather step in life.Past)
            {
                agent.Live(step, seconds: 1.5);
            }

            agent.Live(new Weather(Guardian: 7, IsDirectOpen: life.EndsDirect, IsDetourOpen: true, Reports: 1), seconds: 0.5);
            agent.Live(new Weather(Guardian: 7, IsDirectOpen: life.EndsDirect, IsDetourOpen: true, Reports: 0), seconds: 20);
            string found = agent.Fault ?? (!agent.HasComeToRest ? "it has not come to rest"
                : agent.Undelivered is { Count: > 0 } undelivered ? $"never came: {string.Join(", ", undelivered)}"
                : agent.NewestAt(7) != agent.Newest ? "the last guardian has not got the newest" : "");
            return (found.Length == 0).Label(found);
        }).Check(Config.QuickThrowOnFailure.WithReplay(7301, 17).WithMaxTest(500));
    }

    /// <param name="Guardian">Who is there; 0: nobody.</param>
    /// <param name="Breaks">Whether the connection ends meanwhile, and the agent is told.</param>
    /// <param name="Lost">Of the next reports those that get lost, a bit for each.</param>
    /// <param name="LostReceipts">The same of receipts.</param>
    private sealed record Weather(
        int Guardian, bool IsDirectOpen, bool IsDetourOpen, int Reports, bool Breaks = false, int Lost = 0, int LostReceipts = 0);

    /// <summary>Answers arrive at once, or never. What has come is reckoned as the product's guardian does it.</summary>
    private sealed class SimulatedAgent
    {
        private const long StepNs = Second / 4;

        private readonly ReportWindow _window = new();
        private readonly Queue<NodeReport> _waiting = [];
        private readonly Dictionary<int, (ArrivalBook Book, HashSet<long> Received)> _guardians = [];
        private int _known;
        private int _lost;
        private int _lostReceipts;
        private long _nowNs;
        private long _helloNs = long.MinValue / 2;

        public long Newest { get; private set; }

        public string? Fault { get; private set; }

        public bool HasComeToRest => _waiting.Count == 0 && _window.Unacknowledged == 0 && !_window.IsSilent(_nowNs);

        public IReadOnlyList<long> Undelivered =>
            [.. Enumerable.Range(1, (int)Newest).Select(sequence => (long)sequence).Except(_guardians.Values.SelectMany(one => one.Received))];

        public long NewestAt(int guardian) => _guardians.TryGetValue(guardian, out var one) ? one.Received.Max() : 0;

        public void Live(Weather weather, double seconds)
        {
            (_lost, _lostReceipts) = (weather.Lost, weather.LostReceipts);
            int toReport = weather.Reports;
            long begun = _nowNs;
            for (long until = _nowNs + (long)(seconds * Second); _nowNs < until; _nowNs += StepNs)
            {
                if (toReport-- > 0)
                {
                    _waiting.Enqueue(Reports.Report(++Newest, records: 0));
                }

                if (_window.IsHelloDue(_nowNs))
                {
                    SayHello(weather);
                }

                while (_window.TakesMore && _waiting.TryDequeue(out NodeReport? report))
                {
                    Deliver(report, _window.Send(report, _nowNs, isAwaited: false), weather);
                }

                if (_waiting.Count == 0 && _window.AskForNewest(_nowNs) is { } newest)
                {
                    Deliver(newest, wantsReceipt: true, weather);
                }

                if (weather.Breaks && _nowNs - begun == 2 * StepNs)
                {
                    _window.LoseTouch(_nowNs);
                }

                Check(_window.Unacknowledged <= ReportWindow.UnacknowledgedMax, "more under way than may be");
            }
        }

        private void SayHello(Weather weather)
        {
            Check(_nowNs - _helloNs >= ReportWindow.LookingNs, "hellos too close to each other");
            _helloNs = _nowNs;
            _window.SaidHello(_nowNs);
            if (weather.Guardian == 0 || !weather.IsDetourOpen)
            {
                return;
            }

            _known = weather.Guardian;
            if (_window.Welcome($"g{weather.Guardian}", _nowNs))
            {
                SendAgain(weather);
            }
        }

        private void SendAgain(Weather weather)
        {
            foreach ((NodeReport report, bool wantsReceipt) in _window.SendAgain(_nowNs))
            {
                Deliver(report, wantsReceipt, weather);
            }
        }

        private void Deliver(NodeReport report, bool wantsReceipt, Weather weather)
        {
            // By the long way it comes to whoever is there, by the short way to the one that welcomed.
            bool arrives = weather.Guardian != 0 && !IsLost(ref _lost)
                && (_window.IsOnDetour ? weather.IsDetourOpen : weather.IsDirectOpen && weather.Guardian == _known);
            if (!arrives)
            {
                return;
            }

            if (!_guardians.TryGetValue(weather.Guardian, out var guardian))
            {
                _guardians[weather.Guardian] = guardian = (new ArrivalBook(), []);
            }

            guardian.Received.Add(report.Sequence);
            (long upTo, bool lacksOlder) =
                guardian.Book.Note(new AgentReport(report, wantsReceipt) { Agent = 1, Distance = _window.DistanceOf(report) });
            if (wantsReceipt && !IsLost(ref _lostReceipts))
            {
                _window.Acknowledge(upTo, _nowNs);
                if (lacksOlder && _window.HasGap(_nowNs))
                {
                    SendAgain(weather);
                }
            }
        }

        private static bool IsLost(ref int mask)
        {
            bool isLost = (mask & 1) != 0;
            mask >>= 1;
            return isLost;
        }

        private void Check(bool holds, string fault) => Fault = holds ? Fault : fault;
    }
}
