using ILGPU.Runtime;

namespace StragglerGuard.Ilgpu;

/// <summary>
/// What a driver says while things are given back. A device that failed refuses everything from then on, and the operation that it failed at has
/// said so: said again by a disposal it would take the place of the cause, and keep what comes after it from being given back.
/// </summary>
internal static class NativeFaults
{
    /// <summary>Does a part of a disposal, and goes on where the driver refuses.</summary>
    public static void Pass(Action part)
    {
        try
        {
            part();
        }
        catch (AcceleratorException)
        {
        }
    }
}
