using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StragglerGuard.Actuators;
using StragglerGuard.Actuators.Webhook;
using StragglerGuard.Core;
using StragglerGuard.Hosting;
using StragglerGuard.Ledger;

namespace StragglerGuard.Tests.Actuators.Webhook;

public sealed class WebhookActuatorTests : IAsyncLifetime
{
    private const string SecretText = "correct-horse-battery-staple";

    private static readonly NodeId s_node = new("gpu-17");

    private readonly EagerTime _time = new();
    private HookServer _server = null!;

    public async Task InitializeAsync() => _server = await HookServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Drain_PostsWhatIsSignedAndKeyed()
    {
        using var actuator = Actuator();

        var outcome = await actuator.DrainAsync(s_node, "41", "1.7x of its peers", default);

        outcome.Status.Should().Be(ActuationStatus.Done);
        var call = _server.Calls.Should().ContainSingle().Subject;
        call.Method.Should().Be("POST");
        call.Path.Should().Be("/act");
        Encoding.UTF8.GetString(call.Body).Should().Be(
            """{"schema":1,"action":"drain","key":"41","node":"gpu-17","reason":"stragglerguard:41 1.7x of its peers"}""");
        call.Headers["Content-Type"].Should().Be("application/json");
        call.Headers["Idempotency-Key"].Should().Be("41/drain/gpu-17");
        call.Headers["StragglerGuard-Timestamp"].Should().Be(_time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        ExpectSignature(call);
    }

    [Fact]
    public async Task Calls_OfOneDecision_HaveKeysOfTheirOwn()
    {
        using var actuator = Actuator();

        await actuator.MoveAsync(s_node, "a100", "42", default);
        await actuator.ReadmitAsync(s_node, "42", default);
        await actuator.ReadmitAsync(new NodeId("räck/1"), "42", default);

        _server.Calls.Select(call => call.Headers["Idempotency-Key"]).Should().Equal("42/move/gpu-17", "42/readmit/gpu-17", "42/readmit/r%C3%A4ck%2F1");
        using var body = JsonDocument.Parse(_server.Calls.First().Body);
        body.RootElement.GetProperty("pool").GetString().Should().Be("a100");
    }

    [Theory]
    [InlineData(200, ActuationStatus.Done)]
    [InlineData(202, ActuationStatus.Done)]
    [InlineData(204, ActuationStatus.Done)]
    [InlineData(302, ActuationStatus.Refused)]
    [InlineData(400, ActuationStatus.Refused)]
    [InlineData(401, ActuationStatus.Refused)]
    [InlineData(404, ActuationStatus.Refused)]
    [InlineData(408, ActuationStatus.RetryLater)]
    [InlineData(409, ActuationStatus.Refused)]
    [InlineData(425, ActuationStatus.RetryLater)]
    [InlineData(429, ActuationStatus.RetryLater)]
    [InlineData(500, ActuationStatus.RetryLater)]
    [InlineData(503, ActuationStatus.RetryLater)]
    public async Task Drain_AnsweredWith_IsThat(int code, ActuationStatus expected)
    {
        _server.Answer = (context, _) =>
        {
            context.Response.StatusCode = code;
            context.Response.Headers.Location = "/elsewhere";
            return Task.CompletedTask;
        };
        using var actuator = Actuator();

        var outcome = await actuator.DrainAsync(s_node, "41", "slow", default);

        outcome.Status.Should().Be(expected);
        outcome.Reason.Should().EndWith($"/act answered {code}");
        _server.Calls.Should().ContainSingle("a redirection is not followed");
    }

    [Fact]
    public async Task Reconcile_WhenTheServiceStumbles_RetriesUnderOneKeyAsItAsksFor()
    {
        var answers = new Queue<(int Code, string? RetryAfter)>([(503, null), (429, "7"), (500, _time.GetUtcNow().AddSeconds(20).ToString("R", CultureInfo.InvariantCulture)), (200, null)]);
        _server.Answer = (context, _) =>
        {
            var (code, retryAfter) = answers.Dequeue();
            context.Response.StatusCode = code;
            context.Response.Headers.RetryAfter = retryAfter;
            return Task.CompletedTask;
        };
        using var actuator = Actuator();

        var report = await Reconcile(actuator, new DesiredNode.Drained("41", "slow"));

        report.IsSettled.Should().BeTrue();
        report.Attempts.Select(attempt => attempt.Outcome.Status).Should().Equal(
            ActuationStatus.RetryLater, ActuationStatus.RetryLater, ActuationStatus.RetryLater, ActuationStatus.Done);

        // 20 s from the start, of which 0.5 s and 7 s have passed.
        _time.Waits.Select(wait => wait.TotalSeconds).Should().Equal(0.5, 7, 12.5);
        _server.Calls.Select(call => call.Headers["Idempotency-Key"]).Distinct().Should().ContainSingle();
        var sent = _server.Calls.Select(call => long.Parse(call.Headers["StragglerGuard-Timestamp"], CultureInfo.InvariantCulture)).ToArray();
        sent.Select(seconds => seconds - sent[0]).Should().Equal([0L, 0L, 7L, 20L], "each repetition is signed anew");
        _server.Calls.Should().AllSatisfy(ExpectSignature);
    }

    [Fact]
    public async Task Reconcile_WhenAskedToWaitTooLong_LeavesItDue()
    {
        _server.Answer = (context, _) =>
        {
            context.Response.StatusCode = 503;
            context.Response.Headers.RetryAfter = "3600";
            return Task.CompletedTask;
        };
        using var actuator = Actuator();

        var report = await Reconcile(actuator, new DesiredNode.Drained("41", "slow"));

        report.Nodes.Single().State.Should().Be(ReconcileState.Due);
        report.Attempts.Should().ContainSingle();
        _time.Waits.Should().BeEmpty();
    }

    [Fact]
    public async Task Reconcile_WithoutAnAddressToReadFrom_GoesByWhatWasAcknowledged()
    {
        using var actuator = Actuator();

        (await Reconcile(actuator, new DesiredNode.Drained("41", "slow"))).IsSettled.Should().BeTrue();
        (await Reconcile(actuator, new DesiredNode.Drained("41", "slow"))).Attempts.Should().BeEmpty();
        var back = await Reconcile(actuator, new DesiredNode.Serve("42", "a100"));
        (await Reconcile(actuator, new DesiredNode.Serve("42", "a100"))).Attempts.Should().BeEmpty();

        back.Attempts.Select(attempt => attempt.Kind).Should().Equal(ActuationKind.MoveToPool, ActuationKind.Readmit);

        // A guard that was restarted knows nothing and says it again under the same keys.
        using var restarted = Actuator();
        (await Reconcile(restarted, new DesiredNode.Serve("42", "a100"))).IsSettled.Should().BeTrue();
        _server.Calls.Select(call => call.Headers["Idempotency-Key"]).Should().Equal(
            "41/drain/gpu-17", "42/move/gpu-17", "42/readmit/gpu-17", "42/move/gpu-17", "42/readmit/gpu-17");
    }

    [Fact]
    public async Task Reconcile_WithAnAddressToReadFrom_ActsOnWhatItReads()
    {
        var state = """{"nodes":[{"node":"gpu-17","state":"serving","pool":"h100","since":3},{"node":"gpu-18","state":"drained","reason":"fan","pool":null}]}""";
        _server.Answer = (context, call) => call.Method == "GET" ? context.Response.WriteAsync(state) : Accept();
        using var actuator = Actuator(observe: true);

        var report = await new PoolReconciler(actuator, null, _time).ReconcileAsync(
            new Dictionary<NodeId, DesiredNode>
            {
                [s_node] = new DesiredNode.Drained("41", "slow"),
                [new NodeId("gpu-18")] = new DesiredNode.Serve("42", "h100"),
                [new NodeId("gpu-19")] = new DesiredNode.Drained("43", "slow"),
            },
            default);

        report.Nodes.Select(node => node.State).Should().Equal(ReconcileState.Settled, ReconcileState.HeldByOthers, ReconcileState.Due);
        report.Nodes[2].Reason.Should().Contain("no such node");
        report.Attempts.Should().ContainSingle();
        var get = _server.Calls.First();
        get.Path.Should().Be("/nodes");
        ExpectSignature(get);

        Task Accept()
        {
            state = state.Replace("\"state\":\"serving\"", "\"state\":\"drained\",\"reason\":\"stragglerguard:41 slow\"", StringComparison.Ordinal);
            return Task.CompletedTask;
        }
    }

    [Theory]
    [InlineData("""{"nodes":[{"state":"serving"}]}""", "nodes[0].node: a name is needed")]
    [InlineData("""{"nodes":[{"node":"a","state":"serving"},{"node":"b","state":"up"}]}""", "nodes[1].state: \"serving\" or \"drained\" is needed")]
    [InlineData("""{"nodes":[{"node":"a","state":"serving"},{"node":"a","state":"serving"}]}""", "nodes[1].node: a is there twice")]
    [InlineData("""{"nodes":[7]}""", "nodes[0].an object is needed")]
    [InlineData("""{"nodes":{}}""", "nodes: an array is needed")]
    [InlineData("[]", "nodes: an array is needed")]
    [InlineData("{\n \"nodes\": [", "malformed JSON in line 2")]
    [InlineData("", "malformed JSON in line 1")]
    [InlineData("{\"nodes\":[{\"node\":\"\\ud800\"}]}", "malformed JSON: a text is none")]
    public async Task Observe_OfAnAnswerThatCannotBeRead_NamesTheField(string answer, string problem)
    {
        _server.Answer = (context, _) => context.Response.WriteAsync(answer);
        using var actuator = Actuator(observe: true);

        var observation = await actuator.ObserveAsync([s_node], default);

        observation.Failure!.Status.Should().Be(ActuationStatus.RetryLater);
        observation.Failure.Reason.Should().EndWith(problem);
    }

    [Fact]
    public async Task Drain_WithoutAnAnswerInTime_IsToBeTriedAgain()
    {
        var release = new TaskCompletionSource();
        _server.Answer = (_, _) => release.Task;
        using var actuator = new WebhookActuator(
            new WebhookActuatorOptions { Url = _server.Url("/act"), Timeout = TimeSpan.FromSeconds(0.2) }, Secret(), _time);

        var outcome = await actuator.DrainAsync(s_node, "41", "slow", default);
        release.SetResult();

        outcome.Status.Should().Be(ActuationStatus.RetryLater);
        outcome.Reason.Should().EndWith("/act gave no answer within 0.2 s");
    }

    [Fact]
    public async Task Drain_WithNobodyListening_IsToBeTriedAgain()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        using var actuator = new WebhookActuator(
            new WebhookActuatorOptions { Url = new Uri($"http://127.0.0.1:{port}/act?token=hidden") }, Secret(), _time);

        var outcome = await actuator.DrainAsync(s_node, "41", "slow", default);

        outcome.Status.Should().Be(ActuationStatus.RetryLater);
        outcome.Reason.Should().Be($"http://127.0.0.1:{port}/act can't be reached: ConnectionError");
    }

    [Fact]
    public async Task Secret_IsInNothingThatIsShown()
    {
        _server.Answer = (context, _) =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        };
        using var actuator = Actuator();
        List<ActuationAttempt> logged = [];
        var report = await new PoolReconciler(actuator, null, _time, logged.Add)
            .ReconcileAsync(new Dictionary<NodeId, DesiredNode> { [s_node] = new DesiredNode.Drained("41", "slow") }, default);
        var secret = Secret();

        string[] shown =
        [
            actuator.ToString()!,
            secret.ToString(),
            JsonSerializer.Serialize(secret),
            JsonSerializer.Serialize(report.Attempts),
            string.Join('\n', logged),
            string.Join('\n', report.Nodes),
            .. _server.Calls.SelectMany(call => call.Headers.Values.Append(Encoding.UTF8.GetString(call.Body))),
            .. Problems(Encoding.UTF8.GetBytes(SecretText)[..8]),
        ];

        logged.Should().NotBeEmpty();
        string.Join('\n', shown).Should().NotContain(SecretText[..8]);
    }

    [Theory]
    [InlineData("ftp://host/act")]
    [InlineData("/act")]
    [InlineData("https://user:hunter2@host/act")]
    public void Url_ThatCannotBeCalledOrHoldsAPassword_IsRefusedWithoutShowingIt(string url)
    {
        var make = () => new WebhookActuator(new WebhookActuatorOptions { Url = new Uri(url, UriKind.RelativeOrAbsolute) }, Secret(), _time);

        make.Should().Throw<ArgumentException>().Which.ToString().Should().NotContain("hunter2");
    }

    private static IEnumerable<string> Problems(byte[] shortKey)
    {
        SharedSecret.TryMake(shortKey, "the secret", out _, out var problem).Should().BeFalse();
        return [problem!];
    }

    private static SharedSecret Secret()
    {
        SharedSecret.TryMake(Encoding.UTF8.GetBytes(SecretText + "\n"), "the secret", out var secret, out _).Should().BeTrue();
        return secret!;
    }

    private static void ExpectSignature(HookCall call)
    {
        byte[] signed = [.. Encoding.ASCII.GetBytes(call.Headers["StragglerGuard-Timestamp"] + "."), .. call.Body];
        var expected = Convert.ToHexString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(SecretText), signed));
        call.Headers["StragglerGuard-Signature"].Should().BeEquivalentTo("sha256=" + expected);
    }

    private WebhookActuator Actuator(bool observe = false) =>
        new(new WebhookActuatorOptions { Url = _server.Url("/act"), ObserveUrl = observe ? _server.Url("/nodes") : null }, Secret(), _time);

    private async Task<ReconcileReport> Reconcile(WebhookActuator actuator, DesiredNode desired) =>
        await new PoolReconciler(actuator, null, _time).ReconcileAsync(new Dictionary<NodeId, DesiredNode> { [s_node] = desired }, default);
}
