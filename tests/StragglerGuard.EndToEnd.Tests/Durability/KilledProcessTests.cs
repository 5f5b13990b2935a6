using StragglerGuard.EndToEnd.Tests.Running;
using StragglerGuard.Tests.Guardian.Durability;

namespace StragglerGuard.EndToEnd.Tests.Durability;

/// <summary>kill -9 of the guardian's process at each named point of the way of a decision, and two of them on one ledger.</summary>
public sealed class KilledProcessTests
{
    [LinuxTheory]
    [InlineData("BeforeAppend:4", "AfterAppend:5", "BeforeSend:1", "AfterSend:1", "BeforeAdopt:1")]
    [InlineData("AfterAdopt:1", "BeforeGrade:1", "AfterGrade:1", "BeforeActuate:1", "AfterActuate:1")]
    public async Task Guardians_KilledOneAfterTheOther_LoseAndDoubleNothing(params string[] fates)
    {
        using var folder = new ScratchFolder();
        await using var life = new GuardedProcessLife(folder, seed: 5);

        LifeStory story = await life.LiveAsync(fates);

        story.ShouldBeWhole();
        story.Deaths.Should().Be(fates.Length, "each point is on the way ({0})", story);
        story.Evictions.Should().BeGreaterThan(0, "{0}", story);
    }

    [LinuxFact]
    public async Task Guardian_OnALedgerThatAnotherProcessWrites_SaysWhichAndEnds()
    {
        using var folder = new ScratchFolder();
        string ledger = Path.Combine(folder.Path, "guard.ledger");
        await using GuardianProcess first = GuardianProcess.Start(ledger, port: 0, folder.Path);
        (await first.ListeningAsync()).Should().NotBeNull();

        await using GuardianProcess second = GuardianProcess.Start(ledger, port: 0, folder.Path);
        (int code, string errors) = await second.EndAsync();

        code.Should().Be(3);
        errors.Should().StartWith($"{ledger} is written by process {first.Pid} on {Environment.MachineName}: a ledger has one writer at a time.");
        (await first.EndAsync()).ExitCode.Should().Be(0, "nothing happened to the first");
    }
}
