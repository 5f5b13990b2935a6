using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StragglerGuard.EndToEnd.Tests.Running;
using Xunit.Abstractions;

namespace StragglerGuard.EndToEnd.Tests.MixedFleet;

/// <summary>Whatever is wrong with the input: exit code 2, one message each on standard error, and nothing runs.</summary>
public sealed class BadInputTests(ITestOutputHelper log) : IDisposable
{
    private const string Hint = "MixedFleet --help lists what it takes.";

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("--steps 39", "--steps 39: must be 40 to 1000000")]
    [InlineData(
        "--steps 1000001 --micro-batches 3 --metrics-port 65536 --slow 4:2 --slow 1:2@30-20",
        "--steps 1000001: must be 40 to 1000000",
        "--micro-batches 3: must be 4 to 65536; the fleet has 4 ranks and the even deal gives each at least one",
        "--metrics-port 65536: must be 0 to 65535",
        "--slow 4:2: RANK '4' must be a whole number from 0 to 3",
        "--slow 1:2@30-20: FROM 30 must be below TO 20")]
    [InlineData(
        "--slow 9:0@1-2 --slow x --steps 1 --micro-batches 0 --metrics-port -1",
        "--slow 9:0@1-2: RANK '9' must be a whole number from 0 to 3",
        "--slow 9:0@1-2: FACTOR '0' must be a number from 0.001 to 1000",
        "--slow x: must read RANK:FACTOR@FROM-TO or RANK:FACTOR",
        "--steps 1: must be 40 to 1000000",
        "--micro-batches 0: must be 4 to 65536; the fleet has 4 ranks and the even deal gives each at least one",
        "--metrics-port -1: must be 0 to 65535")]
    public Task Argument_OutOfRange_IsRefusedByName(string words, params string[] messages) => HoldsAsync(words.Split(' '), messages);

    [Theory]
    [InlineData("--steps many", "--steps many: must be a whole number from 40 to 1000000", Hint)]
    [InlineData("--seed -1", "--seed -1: must be a whole number from 0 to 18446744073709551615", Hint)]
    [InlineData(
        "--micro-batches 1.5 --metrics-port http",
        "--micro-batches 1.5: must be a whole number from 1 to 65536", "--metrics-port http: must be a whole number from 0 to 65535", Hint)]
    [InlineData("--stepz 40", "Unrecognized command or argument '--stepz'.", "Unrecognized command or argument '40'.", Hint)]
    [InlineData("--steps 40 --steps 50", "Option '--steps' expects a single argument but 2 were provided.", Hint)]
    [InlineData("--fleet", "Required argument missing for option: '--fleet'.", Hint)]
    [InlineData("--fabric tcp", "--fabric tcp: must be one of inprocess, akka", Hint)]
    public Task Arguments_ThatDoNotParse_AreRefusedByName(string words, params string[] messages) => HoldsAsync(words.Split(' '), messages);

    [Fact]
    public Task FileNames_Empty_AreRefusedByTheirOption() => HoldsAsync(
        ["--fleet", "", "--text", " ", "--options", ""],
        "--fleet: the name of the file is empty", "--text: the name of the file is empty", "--options: the name of the file is empty", Hint);

    [Fact]
    public Task FleetFile_WithSeveralErrors_IsToldAllOfThem() => HoldsAsync(
        [
            "--fleet",
            _folder.Write("fleet.json", """{"name":"","ranks":[{"class":"A","pace":-1},{"pace":1,"cout":2},{"class":"B","pace":"x","count":0}]}"""),
        ],
        "fleet.json: name must be a text of 1 to 64 characters, without control characters",
        "fleet.json: ranks[0].pace must be above 0 and at most 3600000 milliseconds, not -1",
        "fleet.json: ranks[1].cout is not known here; known are class, pace, count",
        "fleet.json: ranks[1].class is missing",
        "fleet.json: ranks[2].pace must be a number of milliseconds or null, not a text",
        "fleet.json: ranks[2].count must be a whole number from 1 to 64, not 0");

    [Fact]
    public Task Files_OfEveryKind_AreToldTogether() => HoldsAsync(
        [
            "--fleet", _folder.Write("broken.json", "{ \"ranks\": ["),
            "--text", _folder.Write("empty.txt", ""),
            "--options", _folder.Write("options.json", """{ "mode": "maybe", "policy": { "coolDwnSteps": 1 } }"""),
        ],
        "broken.json: line 1, position ", "empty.txt: is empty",
        "options.json:1:11: mode: found \"maybe\", allowed is one of \"observe\", \"advise\", \"act\"",
        "options.json:1:32: policy.coolDwnSteps: is no key of the options: did you mean \"policy.coolDownSteps\"?");

    [Fact]
    public Task Files_ThatAreMissing_AreToldTogether() => HoldsAsync(
        ["--fleet", "no-fleet.json", "--text", "no-text.txt", "--options", "no-options.json", "--steps", "7"],
        "no-fleet.json: no such file", "no-text.txt: no such file", "no-options.json: does not exist", "--steps 7: must be 40 to 1000000");

    [Fact]
    public Task Files_ThatAreDirectories_AreToldTogether() => HoldsAsync(
        ["--fleet", _folder.Path, "--text", ".", "--options", ".."],
        $"{_folder.Path}: is a directory, not a file", ".: is a directory, not a file", "..: is a directory, a JSON file is needed");

    [Fact]
    public Task TextFile_TooShort_IsToldHowMuchIsNeeded() => HoldsAsync(
        ["--text", _folder.Write("short.txt", "hello")],
        "short.txt: is too short: 5 bytes, and 16 bytes of context ask for 272 at least");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MetricsPort_InUse_IsRefusedByNumber(bool processes)
    {
        using var holder = new TcpListener(IPAddress.Loopback, 0);
        holder.Start();
        string port = ((IPEndPoint)holder.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);

        await HoldsAsync(
            ["--metrics-port", port, .. processes ? ["--processes"] : Array.Empty<string>()],
            $"--metrics-port {port}: Can't listen on 127.0.0.1:{port}: the port is in use.");
    }

    [Fact]
    public Task Ledger_OnAServerThatIsNotThere_IsRefusedWithoutItsPassword() => HoldsAsync(
        ["--ledger", "postgres://guard:hunter2@127.0.0.1:1/fleet"],
        "--ledger postgres://guard@127.0.0.1:1/fleet: postgres://guard@127.0.0.1:1/fleet: the server can't be reached: Failed to connect");

    [Fact]
    public Task Actuators_ThatCantBeMade_AreRefusedWithTheFile() => HoldsAsync(
        ["--options", _folder.Write("webhook.json", """{ "actuators": { "use": "webhook" } }""")],
        "webhook.json: actuators.webhook.url: is needed", "webhook.json: actuators.webhook: needs either secretFile or secretVariable");

#if FULLSTACK
    [Fact]
    public Task Cluster_WhoseFilesAreMissing_IsToldEveryOneWithTheOptionsFile() => HoldsAsync(
        [
            "--fabric", "akka", "--options",
            _folder.Write("tls.json", """{ "cluster": { "guardians": "127.0.0.1:7100", "certificateFile": "no.crt", "keyFile": "no.key", "authorityFile": "no.ca" } }"""),
        ],
        "tls.json: cluster.certificateFile: no.crt can't be read: ", "tls.json: cluster.keyFile: no.key can't be read: ",
        "tls.json: cluster.authorityFile: no.ca can't be read: ");

    [Fact]
    public Task Guardians_OfTheirOwn_ServeNoPageAndTakeNoLedgerOfSomebodyElses() => HoldsAsync(
        [
            "--fabric", "akka", "--metrics-port", "9000", "--ledger", "mine",
            "--options", _folder.Write("theirs.json", """{ "cluster": { "guardians": "127.0.0.1:7100" } }"""),
        ],
        "--metrics-port 9000: with --fabric akka every guardian has a page of its own: say metrics.port in the file of each",
        "--ledger mine: the guardians that theirs.json names (cluster.guardians) have a ledger of their own");
#else
    [Fact]
    public Task Akka_InABuildWithoutIt_IsRefusedInOneLine() => HoldsAsync(
        ["--fabric", "akka"], "--fabric akka: this build was made without Akka.NET: build with -p:FullStack=true");
#endif

    private async Task HoldsAsync(string[] arguments, params string[] messages)
    {
        RunOutcome outcome = await SampleRun.CompleteAsync(log, _folder, arguments);

        outcome.Errors.Should().HaveCount(messages.Length);
        foreach (string message in messages)
        {
            outcome.Errors.Should().ContainSingle(line => line.StartsWith(message), "it is one message for one fault: {0}", message);
        }

        outcome.Output.Should().BeEmpty();
        outcome.ExitCode.Should().Be(2);
    }
}
