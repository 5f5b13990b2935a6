using FsCheck;
using FsCheck.Fluent;
using StragglerGuard.AkkaCluster.Agents;
using StragglerGuard.Fabric;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Agents;

public sealed class ReportWindowTests
{
    private const long Second = 1_000_000_000;

    private readonly ReportWindow _window = new();

    [Fact]
    public void Send_BeforeAWelcome_IsAMistake()
    {
        _window.TakesMore.Should().BeFalse();
        _window.Invoking(w => w.Send(Reports.Report(1), 0, isAwaited: false)).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void Send_OfTheFirst_AsksForAReceiptAndTheNextDoesNotWhileItIsFresh()
    {
        _window.Welcome("g", 0);

        _window.Send(Reports.Report(1), 0, isAwaited: false).Should().BeTrue("none has ever come");
        _window.Acknowledge(1, Second).Should().Be(1);
        _window.Send(Reports.Report(2), 2 * Second, isAwaited: false).Should().BeFalse("one came a second ago");
        _window.Send(Reports.Report(3), 3 * Second, isAwaited: false).Should().BeTrue("the last is two seconds old");
        _window.Acknowledge(3, 3 * Second).Should().Be(2);
        _window.Send(Reports.Report(4), 3 * Second, isAwaited: true).Should().BeTrue("somebody waits for it");
    }

    [Fact]
    public void Send_WhenHalfFull_AsksAndWhenFullTakesNoMoreUntilAReceipt()
    {
        _window.Welcome("g", 0);
        _window.Send(Reports.Report(0), 0, isAwaited: false);
        _window.Acknowledge(0, 0);

        var asked = new List<int>();
        for (int sequence = 1; _window.TakesMore; sequence++)
        {
            if (_window.Send(Reports.Report(sequence), 0, isAwaited: false))
            {
                asked.Add(sequence);
            }
        }

        _window.Unacknowledged.Should().Be(16);
        asked.Should().Equal(Enumerable.Range(8, 9));
        _window.Acknowledge(8, 0).Should().Be(8);
        _window.TakesMore.Should().BeTrue();
        _window.Acknowledge(8, 0).Should().Be(0, "the same receipt says nothing new");
    }

    [Fact]
    public void Hello_WithoutGuardian_IsDueEverySecondAndWithOneEveryTen()
    {
        var hellos = new List<long>();
        for (long at = 0; at <= 40 * Second; at += Second / 4)
        {
            if (at == 3 * Second)
            {
                _window.Welcome("g", at);
            }

            if (_window.IsHelloDue(at))
            {
                hellos.Add(at);
                _window.SaidHello(at);
                if (at >= 3 * Second)
                {
                    _window.Welcome("g", at).Should().BeFalse();
                }
            }
        }

        hellos.Select(at => at / Second).Should().Equal(0, 1, 2, 12, 22, 32);
    }

    [Fact]
    public void Hello_OnceTheGuardianIsSilent_IsDueEverySecond()
    {
        _window.SaidHello(0);
        _window.Welcome("g", 0);
        _window.Send(Reports.Report(1), 0, isAwaited: true);

        _window.IsSilent(3 * Second - 1).Should().BeFalse();
        _window.IsHelloDue(3 * Second - 1).Should().BeFalse();
        _window.IsSilent(3 * Second).Should().BeTrue();
        _window.IsHelloDue(3 * Second).Should().BeTrue();
        _window.SaidHello(3 * Second);
        _window.IsHelloDue(4 * Second - 1).Should().BeFalse();
        _window.IsHelloDue(4 * Second).Should().BeTrue();
        _window.Welcome("g", 4 * Second);
        _window.IsSilent(4 * Second).Should().BeFalse("it is there, and the report takes the other way");
    }

    [Fact]
    public void Hello_WithReportsThatNobodyAskedFor_IsDueAfterTwoSeconds()
    {
        _window.SaidHello(0);
        _window.Welcome("g", 0);
        _window.Send(Reports.Report(1), 0, isAwaited: true);
        _window.Acknowledge(1, 0);
        _window.Send(Reports.Report(2), 0, isAwaited: false).Should().BeFalse();

        _window.IsHelloDue((2 * Second) - 1).Should().BeFalse();
        _window.IsHelloDue(2 * Second).Should().BeTrue();
    }

    [Fact]
    public void Hello_OfAnAgentThatReportsEverySecond_IsDueEveryTenNonetheless()
    {
        _window.SaidHello(0);
        _window.Welcome("g", 0);
        var hellos = new List<long>();
        for (long at = 0; at <= 40 * Second; at += Second / 4)
        {
            if (at % Second == 0 && _window.Send(Reports.Report(at / Second), at, isAwaited: false))
            {
                _window.Acknowledge(at / Second, at);
            }

            if (_window.IsHelloDue(at))
            {
                hellos.Add(at / Second);
                _window.SaidHello(at);
                _window.Welcome("g", at);
            }
        }

        hellos.Should().Equal(10, 20, 30, 40);
    }

    [Fact]
    public void Hello_AfterTheConnectionEnded_IsDueEverySecondUntilAWelcome()
    {
        _window.SaidHello(0);
        _window.Welcome("g", 0);

        _window.LoseTouch(Second);

        _window.IsSilent(Second).Should().BeTrue();
        _window.IsHelloDue(Second).Should().BeTrue();
        _window.SaidHello(Second);
        _window.IsHelloDue(2 * Second).Should().BeTrue();
        _window.Welcome("g", 2 * Second).Should().BeFalse();
        _window.IsSilent(2 * Second).Should().BeFalse();
    }

    [Fact]
    public void Welcome_ByAnotherGuardian_HasEverythingUnacknowledgedSentAgain()
    {
        _window.Welcome("g", 0);
        for (int sequence = 1; sequence <= 5; sequence++)
        {
            _window.Send(Reports.Report(sequence), 0, isAwaited: false);
        }

        _window.Acknowledge(2, 0);

        _window.Welcome("h", Second).Should().BeTrue();
        _window.SendAgain(Second).Select(one => (one.Report.Sequence, one.WantsReceipt)).Should().Equal((3, false), (4, false), (5, true));
        _window.Guardian.Should().Be("h");
        _window.IsOnDetour.Should().BeFalse();
    }

    [Fact]
    public void Welcome_ByTheSameGuardianThatAnswers_HasNothingSentAgain()
    {
        _window.Welcome("g", 0);
        _window.Send(Reports.Report(1), 0, isAwaited: false);

        _window.Welcome("g", 3 * Second - 1).Should().BeFalse();
    }

    [Fact]
    public void Welcome_ByTheSameGuardianWhoseReceiptsDontCome_TakesTheOtherWayAndSendsAgain()
    {
        _window.Welcome("g", 0);
        _window.Send(Reports.Report(0), 0, isAwaited: true);
        _window.Send(Reports.Report(1), 0, isAwaited: true);

        _window.Welcome("g", 3 * Second).Should().BeTrue();

        _window.IsOnDetour.Should().BeTrue();
        (NodeReport report, bool wantsReceipt) = _window.SendAgain(3 * Second).Should().ContainSingle("the others are most likely there").Which;
        report.Sequence.Should().Be(1);
        wantsReceipt.Should().BeTrue();
        _window.Acknowledge(1, 4 * Second).Should().Be(2);
        _window.IsSilent(9 * Second).Should().BeFalse();
        _window.Send(Reports.Report(2), 62 * Second, isAwaited: false);
        _window.IsOnDetour.Should().BeTrue("a minute is not over");
        _window.Acknowledge(2, 62 * Second);
        _window.Send(Reports.Report(3), 63 * Second, isAwaited: false);
        _window.IsOnDetour.Should().BeFalse("the short way may be open again");
    }

    [Fact]
    public void Welcome_ByTheSameGuardianAfterTheConnectionEnded_HasEverythingUnacknowledgedSentAgain()
    {
        _window.Welcome("g", 0);
        _window.Send(Reports.Report(1), 0, isAwaited: true);
        _window.Send(Reports.Report(2), 0, isAwaited: false);
        _window.LoseTouch(Second);

        _window.Welcome("g", 3 * Second).Should().BeTrue();

        _window.SendAgain(3 * Second).Select(one => one.Report.Sequence).Should().Equal(1, 2);
    }

    /// <summary>A guardian that is behind answers late: were all repeated every few seconds by thousands of agents it would stay behind.</summary>
    [Fact]
    public void Welcome_ByAGuardianThatIsBehind_HasAllSentAgainEverMoreSeldomUntilAReceipt()
    {
        var again = new List<long>();
        _window.Welcome("g", 0);
        _window.Send(Reports.Report(1), 0, isAwaited: true);
        for (long at = Second; at <= 200 * Second; at += Second)
        {
            if (_window.IsHelloDue(at))
            {
                _window.SaidHello(at);
                if (_window.Welcome("g", at))
                {
                    again.Add(at / Second);
                    _window.SendAgain(at);
                }
            }
        }

        again.Zip(again.Skip(1), (one, next) => next - one).Should().StartWith([6L, 12, 24, 48, 48]);
        _window.Acknowledge(1, 200 * Second);
        _window.Send(Reports.Report(2), 201 * Second, isAwaited: true);
        _window.Welcome("g", 204 * Second - 1).Should().BeFalse();
        _window.Welcome("g", 204 * Second).Should().BeTrue("it had caught up: three seconds are long again");
    }

    [Fact]
    public void AskForNewest_IsOneQuestionForWhatNobodyAskedFor()
    {
        _window.Welcome("g", 0);
        _window.AskForNewest(0).Should().BeNull("nothing is under way");
        _window.Send(Reports.Report(1), 0, isAwaited: false);
        _window.AskForNewest(0).Should().BeNull("the first asked by itself");
        _window.Acknowledge(1, 0);
        _window.Send(Reports.Report(2), 0, isAwaited: false);
        _window.Send(Reports.Report(3), 0, isAwaited: false);

        _window.AskForNewest(0)!.Sequence.Should().Be(3);
        _window.AskForNewest(0).Should().BeNull("it was asked");
        _window.HasSettled(1).Should().BeTrue();
        _window.HasSettled(2).Should().BeFalse();
    }

    /// <summary>
    /// An agent, two ways and guardians that come and go, by chance. Whatever happened before: once a guardian is there and either way is
    /// open, everything comes to rest, nothing is asked too often, and the newest report has come to that guardian.
    /// </summary>
    [Fact]
    public void Window_ThroughAnyTroubles_ComesToRestWithTheNewestDelivered()
    {
        Gen<Weather> weather =
            from guardian in Gen.Choose(0, 3)
            from direct in Gen.Elements(true, true, false)
            from detour in Gen.Elements(true, true, false)
            from reports in Gen.Choose(0, 4)
            select new Weather(guardian, direct, detour, reports);
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
            return agent.Fault is null && agent.HasComeToRest && agent.NewestAt(7) == agent.Newest;
        }).Check(Config.QuickThrowOnFailure.WithReplay(7301, 17).WithMaxTest(300));
    }

    private sealed record Weather(int Guardian, bool IsDirectOpen, bool IsDetourOpen, int Reports);

    /// <summary>Guardian 0: there is none. Answers arrive at once, or never.</summary>
    private sealed class SimulatedAgent
    {
        private const long StepNs = Second / 4;

        private readonly ReportWindow _window = new();
        private readonly Queue<NodeReport> _waiting = [];
        private readonly Dictionary<int, long> _received = [];
        private int _known;
        private long _nowNs;
        private long _helloNs = long.MinValue / 2;

        public long Newest { get; private set; }

        public string? Fault { get; private set; }

        public bool HasComeToRest => _waiting.Count == 0 && _window.Unacknowledged == 0 && !_window.IsSilent(_nowNs);

        public long NewestAt(int guardian) => _received.GetValueOrDefault(guardian);

        public void Live(Weather weather, double seconds)
        {
            for (int i = 0; i < weather.Reports; i++)
            {
                _waiting.Enqueue(Reports.Report(++Newest, records: 0));
            }

            for (long until = _nowNs + (long)(seconds * Second); _nowNs < until; _nowNs += StepNs)
            {
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
                foreach ((NodeReport report, bool wantsReceipt) in _window.SendAgain(_nowNs))
                {
                    Deliver(report, wantsReceipt, weather);
                }
            }
        }

        private void Deliver(NodeReport report, bool wantsReceipt, Weather weather)
        {
            // By the long way it comes to whoever is there, by the short way to the one that welcomed.
            bool arrives = weather.Guardian != 0
                && (_window.IsOnDetour ? weather.IsDetourOpen : weather.IsDirectOpen && weather.Guardian == _known);
            if (arrives)
            {
                _received[weather.Guardian] = Math.Max(_received.GetValueOrDefault(weather.Guardian), report.Sequence);
                if (wantsReceipt)
                {
                    _window.Acknowledge(report.Sequence, _nowNs);
                }
            }
        }

        private void Check(bool holds, string fault) => Fault = holds ? Fault : fault;
    }
}
