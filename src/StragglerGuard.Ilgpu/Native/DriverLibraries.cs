using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;

namespace StragglerGuard.Ilgpu.Native;

/// <summary>
/// Finds the libraries of drivers by the names that drivers install: ILGPU asks for <c>cuda</c> and <c>OpenCL</c>, files that on Linux
/// only development packages bring.
/// </summary>
internal static class DriverLibraries
{
    public const string Nvml = "nvidia-ml";

    // Where Windows puts the drivers that Linux has of it; not always among the loader's directories.
    private const string WslDirectory = "/usr/lib/wsl/lib";

    private static readonly Lazy<bool> s_isWsl = new(() => IsWslBy("/proc/version", WslDirectory));

    private static readonly Lazy<bool> s_registered = new(Register);

    /// <summary>The file names to try for a library, best first.</summary>
    public static IReadOnlyList<string> FilesOf(string library) => library switch
    {
        "cuda" => ["libcuda.so.1", "libcuda.so", $"{WslDirectory}/libcuda.so.1"],
        "OpenCL" => ["libOpenCL.so.1", "libOpenCL.so"],
        Nvml when OperatingSystem.IsWindows() => ["nvml.dll"],
        Nvml => ["libnvidia-ml.so.1", "libnvidia-ml.so", $"{WslDirectory}/libnvidia-ml.so.1"],
        _ => [],
    };

    /// <summary>Whether this is Linux on Windows, as ILGPU understands it.</summary>
    public static bool IsWsl => s_isWsl.Value;

    /// <summary>Makes ILGPU find its drivers. To be called before ILGPU's first look for one, which is its only one.</summary>
    /// <returns>
    /// Whether this program's own resolver is in force: another that a program has set for ILGPU stays. On WSL it is not set: ILGPU sets one
    /// itself when CUDA is registered, and fails where there is one.
    /// </returns>
    public static bool EnsureRegistered() => s_registered.Value;

    /// <summary>Loads a library by the first of its names that the system has.</summary>
    public static bool TryLoad(string library, out nint handle)
    {
        foreach (string file in FilesOf(library))
        {
            if (NativeLibrary.TryLoad(file, out handle))
            {
                return true;
            }
        }

        handle = 0;
        return false;
    }

    /// <summary>By ILGPU's own rule (CudaContextExtensions.IsRunningOnWSL, 1.5.3), since what matters is what it does.</summary>
    internal static bool IsWslBy(string versionFile, string directory)
    {
        try
        {
            return OperatingSystem.IsLinux() && File.ReadAllText(versionFile).Contains("Microsoft", StringComparison.OrdinalIgnoreCase)
                && Directory.Exists(directory);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool Register()
    {
        if (IsWsl)
        {
            return false;
        }

        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, Resolve);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    // 0 lets the runtime look in its own way.
    private static nint Resolve(string library, Assembly assembly, DllImportSearchPath? searchPath) =>
        OperatingSystem.IsLinux() && TryLoad(library, out nint handle) ? handle : 0;
}
