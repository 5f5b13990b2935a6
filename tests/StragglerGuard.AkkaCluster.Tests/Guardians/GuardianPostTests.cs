using StragglerGuard.AkkaCluster.Guardians;
using StragglerGuard.Telemetry;
using StragglerGuard.Tests.Fabric;

namespace StragglerGuard.AkkaCluster.Tests.Guardians;

public sealed class GuardianPostTests
{
    [Fact]
    public async Task Complaint_WhoseListenerFails_StopsNeitherClaimNorRelease()
    {
        using var instruments = new GuardInstruments();
        var post = new GuardianPost(instruments, () => throw new InvalidOperationException("nobody claims a ledger here"));
        var heard = new List<string>();
        post.Complained += complaint =>
        {
            heard.Add(complaint);
            throw new InvalidOperationException("a listener's mistake");
        };

        post.Invoking(p => p.ShowTrouble("the ledger is written by another")).Should().NotThrow();
        Task release = post.ReleaseAsync(Task.FromResult<GuardianStay>(null!));

        await release.Invoking(r => r.WaitAsync(Patience.Limit)).Should().NotThrowAsync();
        heard.Should().HaveCount(2);
    }
}
