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

    [Fact]
    public void Gap_HasEverythingUnacknowledgedSentAgainAndOnceForSeveralAnswers()
    {
        _window.Welcome("g", 0);
        for (int sequence = 1; sequence <= 4; sequence++)
        {
            _window.Send(Reports.Report(sequence), 0, isAwaited: true);
        }

        _window.Acknowledge(1, 0);

        _window.HasGap(0).Should().BeTrue();
        _window.SendAgain(0).Select(one => (one.Report.Sequence, one.WantsReceipt)).Should().Equal((2, false), (3, false), (4, true));
        _window.HasGap(Second - 1).Should().BeFalse("the other questions were under way when it was lost");
        _window.HasGap(Second).Should().BeTrue("it got lost again");
        _window.Acknowledge(4, Second);
        _window.HasGap(3 * Second).Should().BeFalse("nothing is left to be sent");
    }

    [Fact]
    public void Distance_IsToTheReportBeforeThatIsKept()
    {
        _window.Welcome("g", 0);
        NodeReport[] reports = [.. ((int[])[1, 2, 5]).Select(sequence => Reports.Report(sequence))];
        Array.ForEach(reports, report => _window.Send(report, 0, isAwaited: false));

        reports.Select(_window.DistanceOf).Should().Equal(0, 1, 3);
        _window.Acknowledge(1, 0);
        reports.Skip(1).Select(_window.DistanceOf).Should().Equal(0, 3);
        _window.DistanceOf(Reports.Report(9)).Should().Be(4);
    }

    [Fact]
    public void Settled_IsTheNewestBeforeWhatIsKept()
    {
        _window.Settled.Should().Be(long.MinValue);
        _window.Welcome("g", 0);
        _window.Send(Reports.Report(3), 0, isAwaited: true);
        _window.Settled.Should().Be(2);
        _window.LeaveOut(Reports.Report(4));
        _window.Settled.Should().Be(2);
        _window.Acknowledge(3, 0);
        _window.Settled.Should().Be(4);
    }

    [Fact]
    public void LoseTouch_HasNothingSentUntilAWelcomeAndLooksNoMoreOftenThanBefore()
    {
        _window.Welcome("g", 0);
        _window.SaidHello(0);
        _window.Send(Reports.Report(1), 0, isAwaited: true);

        _window.LoseTouch(Second / 2);

        _window.TakesMore.Should().BeFalse();
        _window.AskForNewest(Second / 2).Should().BeNull();
        _window.HasGap(Second / 2).Should().BeFalse();
        _window.IsHelloDue(Second - 1).Should().BeFalse();
        _window.SaidHello(Second);
        _window.LoseTouch(Second);
        _window.IsHelloDue((2 * Second) - 1).Should().BeFalse("it is being looked for");
        _window.Welcome("g", 2 * Second).Should().BeTrue();
        _window.TakesMore.Should().BeTrue();
    }
}
