using ILGPU.Runtime.Cuda;

namespace StragglerGuard.Ilgpu.Timing;

/// <summary>
/// CUDA events, by the driver's own interface: ILGPU's profiling markers are events too, but they are made anew for each mark, and asking
/// them for a time waits for the device.
/// </summary>
internal sealed class CudaEvents(CudaAccelerator accelerator, CudaStream stream) : INativeEvents
{
    private static CudaAPI Driver => CudaAPI.CurrentAPI;

    public nint Create()
    {
        accelerator.Bind();
        CudaException.ThrowIfFailed(Driver.CreateEvent(out nint nativeEvent, CudaEventFlags.CU_EVENT_DEFAULT));
        return nativeEvent;
    }

    public void Record(nint nativeEvent)
    {
        accelerator.Bind();
        CudaException.ThrowIfFailed(Driver.RecordEvent(nativeEvent, stream.StreamPtr));
    }

    public bool HasPassed(nint nativeEvent)
    {
        accelerator.Bind();
        CudaError state = Driver.QueryEvent(nativeEvent);
        if (state == CudaError.CUDA_ERROR_NOT_READY)
        {
            return false;
        }

        CudaException.ThrowIfFailed(state);
        return true;
    }

    public bool TryGetElapsedNs(nint from, nint to, out long elapsedNs)
    {
        accelerator.Bind();
        CudaError state = Driver.ElapsedTime(out float elapsedMs, from, to);
        elapsedNs = 0;
        if (state == CudaError.CUDA_ERROR_NOT_READY)
        {
            return false;
        }

        CudaException.ThrowIfFailed(state);
        elapsedNs = (long)(elapsedMs * 1e6);
        return true;
    }

    public void Destroy(nint nativeEvent)
    {
        accelerator.Bind();

        // A failure here is one of an earlier operation, which reports it itself.
        _ = Driver.DestroyEvent(nativeEvent);
    }
}
