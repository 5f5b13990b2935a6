using System.Runtime.CompilerServices;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace StragglerGuard.Ilgpu;

/// <summary>Which accelerators a device reads, by what its driver said when it was asked the first time.</summary>
/// <remarks>
/// ILGPU lists a peer before the driver agrees, and from then on says that it can be read: where the driver refuses, the entry is taken back
/// and the refusal remembered. For the device's own thread.
/// </remarks>
/// <param name="enable">Turns it on; false where the devices have no way to each other. Throws what the driver says.</param>
/// <param name="withdraw">Takes ILGPU's entry away.</param>
internal sealed class PeerReach(Func<Accelerator, bool> enable, Action<Accelerator> withdraw)
{
    private static readonly string s_isOn = nameof(CudaError.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);

    // Peers that are gone shall not be kept for this.
    private readonly ConditionalWeakTable<Accelerator, object> _refused = [];

    /// <summary>Whether the memory of a peer can be read; it is switched on then.</summary>
    public bool CanRead(Accelerator peer)
    {
        if (_refused.TryGetValue(peer, out _))
        {
            return false;
        }

        try
        {
            return enable(peer);
        }
        catch (CudaException refusal) when (refusal.Error == s_isOn)
        {
            return true;
        }
        catch (CudaException)
        {
            _refused.Add(peer, peer);
            NativeFaults.Pass(() => withdraw(peer));
            return false;
        }
    }
}
