using Akka.Actor;
using StragglerGuard.AkkaCluster.Control;
using StragglerGuard.AkkaCluster.Messages;
using StragglerGuard.Core;
using StragglerGuard.Core.Policy;
using StragglerGuard.Hosting;

namespace StragglerGuard.AkkaCluster.Tests.Control;

public sealed class ControlTokenTests
{
    private static readonly DateTimeOffset Noon = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);

    private readonly ControlToken _token = Token("sixteen bytes at least");

    [Fact]
    public void Order_WithItsProof_IsObeyed()
    {
        _token.ObjectionTo(_token.Sign(Order), Noon).Should().BeNull();
        _token.ObjectionTo(_token.Sign(Order), Noon + ControlToken.AgeMax).Should().BeNull("clocks differ");
    }

    [Fact]
    public void Order_ThatWasChangedOnItsWay_IsNot()
    {
        ModeOrder order = _token.Sign(Order);
        (string What, ModeOrder Changed)[] all =
        [
            ("number", order with { Id = 4 }),
            ("job", order with { Job = new JobId("llm-7c") }),
            ("mode", order with { Mode = PolicyMode.Advise }),
            ("step", order with { FromStep = 18 }),
            ("reason", order with { Reason = "by fiat" }),
            ("time", order with { At = order.At.AddTicks(1) }),
            ("a letter moved from job to reason", order with { Job = new JobId("llm-7"), Reason = "bby hand" }),
            ("proof cut", order with { Proof = order.Proof[..^1] }),
            ("proof no text of ours", order with { Proof = "\u00e4\ud800" }),
        ];

        all.Should().OnlyContain(one =>
            _token.ObjectionTo(one.Changed, Noon) == "the order shows another control token than this guardian's");
    }

    [Fact]
    public void Order_WithoutProofOrWithAnothersToken_IsNot()
    {
        _token.ObjectionTo(Order, Noon).Should().Be("the order shows no control token");
        _token.ObjectionTo(Token("another of sixteen bytes").Sign(Order), Noon).Should().StartWith("the order shows another control token");
    }

    [Theory]
    [InlineData(301)]
    [InlineData(-301)]
    public void Order_OfAnotherTime_IsNot(int seconds) =>
        _token.ObjectionTo(_token.Sign(Order), Noon.AddSeconds(seconds)).Should().StartWith(
            "the order is of 2026-03-04 12:00:00Z, here it is ").And.EndWith("more than 5 minutes apart; set the clocks");

    [Fact]
    public void Token_OfFileAndVariable_HasOnePlace()
    {
        List<string> problems = [];

        ControlToken? none = ControlToken.Read(new ClusterSection { ControlTokenFile = "f", ControlTokenVariable = "V" }, problems);
        ControlToken? unset = ControlToken.Read(new ClusterSection { ControlTokenVariable = "STRAGGLERGUARD_NO_SUCH_VARIABLE" }, problems);

        (none, unset, ControlToken.Read(new ClusterSection(), problems)).Should().Be((null, null, null));
        problems.Should().SatisfyRespectively(
            both => both.Should().Be("cluster.controlTokenFile: cluster.controlTokenVariable is set, too; a secret has one place"),
            missing => missing.Should().StartWith("cluster.controlTokenVariable: the environment variable STRAGGLERGUARD_NO_SUCH_VARIABLE,"));
    }

    private static ModeOrder Order => new(3, ActorRefs.Nobody, new JobId("llm-7b"), PolicyMode.Act, 17, "by hand", Noon, Proof: "");

    private static ControlToken Token(string text)
    {
        SharedSecret.TryMake(System.Text.Encoding.UTF8.GetBytes(text), "the token", out SharedSecret? secret, out _).Should().BeTrue();
        return new ControlToken(secret!);
    }
}
