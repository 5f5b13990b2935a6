using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace StragglerGuard.Ilgpu.Tests;

public sealed class PeerReachTests
{
    [Fact]
    public void CanRead_WhereTheDriverRefuses_IsFalseAndStaysSo()
    {
        using var one = Machine.Open(IlgpuBackends.Simulator);
        using var other = Machine.Open(IlgpuBackends.Simulator);
        var asked = new List<Accelerator>();
        var withdrawn = new List<Accelerator>();

        // As ILGPU does: the peer is listed before the driver is asked, and the second time the list answers.
        var reach = new PeerReach(
            peer =>
            {
                if (asked.Contains(peer))
                {
                    return true;
                }

                asked.Add(peer);
                throw new CudaException("no way between these two");
            },
            withdrawn.Add);

        reach.CanRead(one.Accelerator).Should().BeFalse();
        reach.CanRead(one.Accelerator).Should().BeFalse("what the driver said once it says again");
        reach.CanRead(other.Accelerator).Should().BeFalse();

        asked.Should().Equal(one.Accelerator, other.Accelerator);
        withdrawn.Should().Equal([one.Accelerator, other.Accelerator], "or it is turned off when the peer ends, where the driver refuses again");
    }

    [Fact]
    public void CanRead_WhereTakingBackIsRefusedToo_IsFalse()
    {
        using var peer = Machine.Open(IlgpuBackends.Simulator);
        var reach = new PeerReach(_ => throw new CudaException("refused"), _ => throw new CudaException("never was on"));

        reach.CanRead(peer.Accelerator).Should().BeFalse();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void CanRead_WhereTheDriverAgreesOrHasNoWay_IsWhatItSays(bool canRead)
    {
        using var peer = Machine.Open(IlgpuBackends.Simulator);
        var reach = new PeerReach(_ => canRead, _ => throw new InvalidOperationException("nothing to take back"));

        reach.CanRead(peer.Accelerator).Should().Be(canRead);
        reach.CanRead(peer.Accelerator).Should().Be(canRead);
    }
}
