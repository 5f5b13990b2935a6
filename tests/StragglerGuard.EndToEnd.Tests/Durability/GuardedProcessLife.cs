using StragglerGuard.Core;
using StragglerGuard.EndToEnd.Tests.Running;
using StragglerGuard.Fabric;
using StragglerGuard.Ledger;
using StragglerGuard.Tests.Guardian.Durability;

namespace StragglerGuard.EndToEnd.Tests.Durability;

/// <summary>A job in virtual time through the lives of several guardians, each a process, which follow each other on one ledger.</summary>
internal sealed class GuardedProcessLife(ScratchFolder folder, int seed) : IAsyncDisposable
{
    private readonly RegroupingRanks _ranks = RegroupingRanks.Troubled(seed);
    private readonly SemaphoreSlim _heard = new(0);
    private readonly List<string> _ends = [];
    private long _heardEpoch;
    private int _port;
    private GuardianProcess? _guardian;
    private WebSocketAgentFabric? _fabric;
    private IAgentPort? _agent;

    private string LedgerPath => Path.Combine(folder.Path, "guard.ledger");

    /// <summary>Lives through all deaths to the end of the job's troubles, and until all is done that was decided.</summary>
    /// <param name="fates">POINT:TIME, one a guardian, in order; who follows them doesn't die.</param>
    public async Task<LifeStory> LiveAsync(params string[] fates)
    {
        var waiting = new Queue<string>(fates);
        int deaths = 0;
        await BeginAsync(waiting.Dequeue());
        while (_ranks.NextStep < RegroupingRanks.LastStep)
        {
            await GoOnAsync();
            if (_guardian!.HasEnded)
            {
                deaths++;
                _ranks.TakeSteps(3);
                _ranks.LoseReports();
                await BeginAsync(waiting.TryDequeue(out string? fate) ? fate : null);
            }
        }

        await BeginAsync(fate: null);
        JobLedgerState state;
        do
        {
            await GoOnAsync();
            state = LedgerState.Of(Entries()).Find(RegroupingRanks.Job)!;
        }
        while ((state.Pending is not null || state.DueActuations.Count > 0 || _ranks.IsOffered) && _ranks.NextStep < 2 * RegroupingRanks.LastStep);
        await EndAsync();
        return new LifeStory(seed, deaths, Entries(), _ranks.Adopted, _ranks.Plan, Changes(), _ends);
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _heard.Dispose();
    }

    private async Task BeginAsync(string? fate)
    {
        await EndAsync();
        _guardian = GuardianProcess.Start(LedgerPath, _port, folder.Path, fate);
        if (await _guardian.ListeningAsync() is { } endpoint)
        {
            _port = endpoint.Port;
            _fabric = new WebSocketAgentFabric(endpoint, "a token of the tests");
            _agent = _fabric.OpenAgent(new NodeId("head"), Hear);
        }
    }

    private async Task EndAsync()
    {
        if (_fabric is { } fabric)
        {
            _agent!.Dispose();
            await fabric.DisposeAsync();
            _fabric = null;
        }

        if (_guardian is { } guardian)
        {
            (int code, string errors) = await guardian.EndAsync();
            _ends.Add($"exit {code}, {errors.ReplaceLineEndings(" ")}");
            await guardian.DisposeAsync();
            _guardian = null;
        }
    }

    private void Hear(OfferedPlan offer)
    {
        _ranks.Deliver(offer);
        _heardEpoch = Math.Max(_heardEpoch, offer.Plan.Epoch.Value);
        _heard.Release();
    }

    private async Task GoOnAsync()
    {
        _ranks.TakeSteps(5);
        foreach (NodeReport report in _ranks.Reports())
        {
            _agent?.Report(report);
            await _guardian!.JudgedAsync(report.Sequence);
        }

        // What it has sent is on its way while it lives.
        while (_guardian!.Offered > _heardEpoch && !_guardian.HasEnded)
        {
            (await _heard.WaitAsync(TimeSpan.FromSeconds(60))).Should().BeTrue("what is offered arrives");
        }
    }

    private IReadOnlyList<LedgerEntry> Entries()
    {
        using DurableLedgerReader reader = LedgerLocation.Parse(LedgerPath).OpenRead();
        return reader.Read();
    }

    private List<(string Node, string Key, bool Drained)> Changes()
    {
        string log = Path.Combine(folder.Path, "changes.log");
        return File.Exists(log)
            ? [.. File.ReadAllLines(log).Select(line => line.Split(' ')).Select(words => (words[0], words[1], words[2] == "drained"))]
            : [];
    }
}
