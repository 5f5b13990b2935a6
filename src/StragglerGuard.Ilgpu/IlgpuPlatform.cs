using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using StragglerGuard.Ilgpu.Native;

namespace StragglerGuard.Ilgpu;

/// <summary>The devices that ILGPU reaches on this machine. One a process is enough; on WSL, a second one finds no CUDA devices.</summary>
public sealed class IlgpuPlatform : IDisposable
{
    // The fewest threads that the simulator takes: it runs each on a thread of the host.
    private static readonly CPUDevice s_simulator = new(numThreadsPerWarp: 2, numWarpsPerMultiprocessor: 1, numMultiprocessors: 1);

    private readonly Context _context;

    private IlgpuPlatform(Context context, IlgpuBackends backends, IReadOnlyDictionary<IlgpuBackends, string> absent)
    {
        _context = context;
        Absent = absent;

        // A context that finds nothing helps itself to a simulator.
        Devices =
        [
            .. context.Devices.Select(device => new IlgpuDeviceDescription(device))
                .Where(device => backends.HasFlag(device.Backend)).OrderBy(device => device.Backend),
        ];
    }

    /// <summary>What was found: CUDA devices first, then OpenCL, then the simulator.</summary>
    public IReadOnlyList<IlgpuDeviceDescription> Devices { get; }

    /// <summary>The backends that were looked for and have no device, each with the reason.</summary>
    public IReadOnlyDictionary<IlgpuBackends, string> Absent { get; }

    /// <summary>Looks for devices. A driver that is missing or broken is no error: see <see cref="Absent"/>.</summary>
    /// <param name="backends">Where to look.</param>
    public static IlgpuPlatform Open(IlgpuBackends backends = IlgpuBackends.All)
    {
        DriverLibraries.EnsureRegistered();
        var absent = new Dictionary<IlgpuBackends, string>();
        Context context = Context.Create(builder =>
        {
            ConfigureCompiler(builder);
            Look(IlgpuBackends.Cuda, () => builder.Cuda(), () => CudaAPI.CurrentAPI.IsSupported, "no driver (libcuda.so.1)");
            Look(IlgpuBackends.OpenCL, () => builder.OpenCL(), () => CLAPI.CurrentAPI.IsSupported, "no driver (libOpenCL.so.1)");
            if (backends.HasFlag(IlgpuBackends.Simulator))
            {
                builder.CPU(s_simulator);
            }
        });

        var platform = new IlgpuPlatform(context, backends, absent);
        foreach (IlgpuBackends backend in (ReadOnlySpan<IlgpuBackends>)[IlgpuBackends.Cuda, IlgpuBackends.OpenCL])
        {
            if (backends.HasFlag(backend) && platform.Devices.All(device => device.Backend != backend))
            {
                absent.TryAdd(backend, "the driver has no device that ILGPU can use");
            }
        }

        return platform;

        void Look(IlgpuBackends backend, Action register, Func<bool> hasDriver, string withoutDriver)
        {
            if (!backends.HasFlag(backend))
            {
                return;
            }

            try
            {
                // Registered first: where ILGPU finds the driver its own way (WSL), that is what sets it.
                register();
                if (!hasDriver())
                {
                    absent[backend] = withoutDriver;
                }
            }
            catch (InvalidOperationException taken) when (DriverLibraries.IsWsl)
            {
                absent[backend] = $"on WSL, ILGPU looks for its driver once a process: {taken.Message}";
            }
            catch (Exception broken) when (broken is AcceleratorException or NotSupportedException or TypeInitializationException or InvalidOperationException)
            {
                absent[backend] = $"its driver does not work: {broken.Message}";
            }
        }
    }

    /// <summary>Opens a device and compiles its kernels, which takes a moment.</summary>
    /// <param name="description">One of <see cref="Devices"/>. Each call opens it anew: every rank has its own.</param>
    /// <returns>The device; dispose it before the platform.</returns>
    /// <exception cref="ArgumentException">It is not a device of this platform.</exception>
    public IlgpuDevice CreateDevice(IlgpuDeviceDescription description)
    {
        ArgumentNullException.ThrowIfNull(description);

        // Threads of the host that wait for each other at every barrier take the simulator nine times as long as one alone.
        return CreateDevice(description, description.Backend == IlgpuBackends.Simulator ? 1 : int.MaxValue);
    }

    /// <summary>As the other, with groups of so many threads at the most.</summary>
    internal IlgpuDevice CreateDevice(IlgpuDeviceDescription description, int groupSizeMax)
    {
        if (!Devices.Contains(description))
        {
            throw new ArgumentException("The device is one of another platform.", nameof(description));
        }

        Accelerator accelerator = description.Device.CreateAccelerator(_context);
        try
        {
            return new IlgpuDevice(description, accelerator, Math.Min(groupSizeMax, accelerator.MaxNumThreadsPerGroup));
        }
        catch
        {
            NativeFaults.Pass(accelerator.Dispose);
            throw;
        }
    }

    /// <summary>How kernels are compiled, whatever the device.</summary>
    internal static void ConfigureCompiler(Context.Builder builder) =>
        builder.Optimize(OptimizationLevel.O2).Inlining(InliningMode.Aggressive);

    /// <inheritdoc/>
    public void Dispose() => _context.Dispose();
}
