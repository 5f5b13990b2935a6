using StragglerGuard.Collectives.Transports;
using StragglerGuard.Core;

namespace StragglerGuard.Collectives.Tests.Transports;

public sealed class ControlFrameTests
{
    [Fact]
    public void Abort_WrittenAndReadInPieces_IsTheSame()
    {
        var abort = new CollectiveAbort(AbortCause.TimedOut, [new Rank(3), new Rank(70)], "did not come — späť");
        var frame = ControlFrame.Abort(abort);
        for (var length = 0; length < frame.Length; length++)
        {
            ControlFrame.TryRead(frame.AsSpan(0, length), out _, out _).Should().Be(0);
        }

        ControlFrame.TryRead([.. frame, 1, 2], out var kind, out var payload).Should().Be(frame.Length);
        kind.Should().Be(ControlFrameKind.Abort);
        ControlFrame.ReadAbort(payload).Should().BeEquivalentTo(abort);
    }

    [Fact]
    public void Abort_WithALongReason_IsCutBetweenCharacters()
    {
        var frame = ControlFrame.Abort(CollectiveAbort.GaveUp(new Rank(1), new string('é', 2000)));
        frame.Length.Should().BeLessThanOrEqualTo(ControlFrame.BytesMax);
        ControlFrame.TryRead(frame, out _, out var payload);
        ControlFrame.ReadAbort(payload)!.Reason.Should().StartWith("gave up (éé").And.NotContain("\uFFFD");
    }

    [Theory]
    [InlineData(long.MinValue)]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public void Signal_WrittenAndReadInPieces_IsTheSame(long word)
    {
        var frame = new byte[ControlFrame.SignalBytes];
        ControlFrame.WriteSignal(frame, word);
        for (var length = 0; length < frame.Length; length++)
        {
            ControlFrame.TryRead(frame.AsSpan(0, length), out _, out _).Should().Be(0);
        }

        ControlFrame.TryRead(frame, out var kind, out var payload).Should().Be(frame.Length);
        kind.Should().Be(ControlFrameKind.Signal);
        ControlFrame.ReadNumber(payload, 0).Should().Be(word);
    }

    [Theory]
    [InlineData(new byte[] { 8, 0, 9 })]
    [InlineData(new byte[] { 9, 0, 5 })]
    [InlineData(new byte[] { 7, 0, 1 })]
    [InlineData(new byte[] { 255, 255, 4 })]
    public void Input_ThatIsNoFrame_IsRefused(byte[] input) => ControlFrame.TryRead(input, out _, out _).Should().Be(-1);

    [Fact]
    public void Abort_ThatNamesNobody_IsRefused() => ControlFrame.ReadAbort([0, 0, 65]).Should().BeNull();
}
