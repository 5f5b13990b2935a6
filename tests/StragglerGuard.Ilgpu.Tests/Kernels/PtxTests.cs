using System.Reflection;
using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using StragglerGuard.Ilgpu.Kernels;

namespace StragglerGuard.Ilgpu.Tests.Kernels;

/// <summary>What the kernels become for NVIDIA's chips: intermediate code can be had without a driver.</summary>
public sealed class PtxTests
{
    /// <summary>Element type, arithmetic, bytes of an element.</summary>
    public static TheoryData<Type, Type, int> Elements => new()
    {
        { typeof(float), typeof(SingleArithmetic), 4 },
        { typeof(double), typeof(DoubleArithmetic), 8 },
    };

    [Theory]
    [MemberData(nameof(Elements))]
    public void Gemm_ForAChip_KeepsItsSumsInRegistersAndItsSlicesInSharedMemory(Type element, Type arithmetic, int bytes)
    {
        string ptx = Compile(typeof(GemmKernel), nameof(GemmKernel.Run), element, arithmetic);

        ptx.Should().NotContain(".local", "arrays in local memory are memory of the device");
        Regex.Matches(ptx, @"\.shared .*\[(\d+)\]").Sum(match => int.Parse(match.Groups[1].Value, null))
            .Should().Be(2 * GemmShape.Depth * (GemmShape.TileMax + GemmShape.Padding) * bytes).And.BeLessThanOrEqualTo(48 * 1024, "what every chip has");
        ptx.Should().Contain("bar.sync");
        // Without a rounding of their own, which lets the driver's compiler make one instruction of a product and its sum.
        Regex.Count(ptx, $@"\badd\.f{8 * bytes}\b").Should().BeGreaterThanOrEqualTo(64, "eight by eight sums to a thread");
        Regex.Count(ptx, @"\b(add|mul)\.r[nzmp]\.").Should().Be(0);
    }

    [Theory]
    [MemberData(nameof(Elements))]
    public void Elements_ForAChip_Compile(Type element, Type arithmetic, int bytes)
    {
        string width = $"f{8 * bytes}";

        Compile(typeof(ElementKernels), nameof(ElementKernels.Add), element, arithmetic).Should().Contain($"add.{width}");
        Compile(typeof(ElementKernels), nameof(ElementKernels.Scale), element, arithmetic).Should().Contain($"mul.{width}");
    }

    private static string Compile(Type kernels, string name, Type element, Type arithmetic)
    {
        MethodInfo kernel = kernels.GetMethod(name)!.MakeGenericMethod(element, arithmetic);
        using Context context = Context.Create(IlgpuPlatform.ConfigureCompiler);
        using var backend = new PTXBackend(context, CudaArchitecture.SM_80, CudaInstructionSet.ISA_80, null!);
        var compiled = (PTXCompiledKernel)backend.Compile(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), KernelSpecialization.Empty);
        return compiled.PTXAssembly;
    }
}
