using StragglerGuard.Actuators;

namespace StragglerGuard.Tests.Actuators;

public sealed class DrainMarkTests
{
    [Theory]
    [InlineData("stragglerguard:7 slow", "7")]
    [InlineData("stragglerguard:job-1.2_x", "job-1.2_x")]
    [InlineData("stragglerguard:", null)]
    [InlineData("stragglerguard: slow", null)]
    [InlineData("stragglerguard:a:b", null)]
    [InlineData("Stragglerguard:7", null)]
    [InlineData(" stragglerguard:7", null)]
    [InlineData("not stragglerguard:7", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void TryReadKey_TellsOursFromOthers(string? reason, string? key)
    {
        DrainMark.TryReadKey(reason, out var read).Should().Be(key is not null);
        read.Should().Be(key);
        DrainMark.IsOurs(reason).Should().Be(key is not null);
    }

    [Theory]
    [InlineData("slow, 1.7x", "stragglerguard:7 slow, 1.7x")]
    [InlineData("say \"slow\"\n\tC:\\x `y`", "stragglerguard:7 say 'slow'  C:/x 'y'")]
    [InlineData("1,7× zu langsam 🐌", "stragglerguard:7 1,7? zu langsam ??")]
    [InlineData(" \n ", "stragglerguard:7")]
    public void Compose_OfAnyText_HoldsWhatASchedulerKeeps(string text, string reason)
    {
        DrainMark.Compose("7", text).Should().Be(reason);
        DrainMark.IsOurs(reason).Should().BeTrue();
    }

    [Fact]
    public void Compose_OfALongText_CutsIt() =>
        DrainMark.Compose("7", new string('x', 10_000)).Length.Should().BeLessThan(200);
}
