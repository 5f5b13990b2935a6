namespace StragglerGuard.Traces;

/// <summary>Tells which collective a communication kernel carried out, and how large it was.</summary>
/// <remarks>
/// Recent profilers write it into the kernel's arguments. Before that, the kernel's launch, found by its correlation number, lies within the host's
/// annotation <c>nccl:…</c>; failing that, the kernel's own name has to do.
/// </remarks>
internal static class KinetoKernels
{
    private const string AnnotationPrefix = "nccl:";

    public static IReadOnlyList<KinetoCollective> Describe(List<KinetoEvent> kernels, List<KinetoEvent> annotations, List<KinetoEvent> launches)
    {
        var launchOf = new Dictionary<long, KinetoEvent>(launches.Count);
        foreach (KinetoEvent launch in launches)
        {
            launchOf[launch.Correlation!.Value] = launch;
        }

        var ofThread = annotations.GroupBy(annotation => annotation.Thread)
            .ToDictionary(group => group.Key, group => group.OrderBy(annotation => annotation.StartNs).ToArray());
        return
        [
            .. kernels.OrderBy(kernel => kernel.StartNs)
                .Select(kernel => Describe(kernel, AnnotationOf(kernel, launchOf, ofThread)))
                .Where(collective => !collective.IsPointToPoint),
        ];
    }

    private static KinetoCollective Describe(KinetoEvent kernel, KinetoEvent? annotation)
    {
        KinetoEvent sized = kernel.Elements is not null ? kernel : annotation ?? kernel;
        string name = kernel.CollectiveName.Length > 0 ? kernel.CollectiveName.TrimStart('_')
            : annotation is not null ? annotation.Name[AnnotationPrefix.Length..]
            : NameInKernel(kernel.Name);
        return new KinetoCollective(
            kernel.Group,
            name,
            sized.Elements * BytesOf(sized.ElementType),
            kernel.StartNs!.Value,
            kernel.DurationNs!.Value);
    }

    private static KinetoEvent? AnnotationOf(
        KinetoEvent kernel, Dictionary<long, KinetoEvent> launchOf, Dictionary<long, KinetoEvent[]> ofThread)
    {
        if (kernel.Correlation is not long correlation
            || !launchOf.TryGetValue(correlation, out KinetoEvent? launch)
            || !ofThread.TryGetValue(launch.Thread, out KinetoEvent[]? annotations))
        {
            return null;
        }

        int low = 0;
        int high = annotations.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (annotations[middle].StartNs <= launch.StartNs)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        KinetoEvent? last = low > 0 ? annotations[low - 1] : null;
        return last is not null && launch.StartNs <= last.StartNs + last.DurationNs ? last : null;
    }

    /// <summary>ncclKernel_AllReduce_RING_LL… and ncclDevKernel_AllReduce_Sum… → AllReduce.</summary>
    private static string NameInKernel(string kernel)
    {
        string[] parts = kernel.Split('_', 3);
        return parts.Length > 1 ? parts[1].Split('(')[0] : kernel;
    }

    private static long? BytesOf(string elementType) => elementType switch
    {
        "float" or "Float" or "int" or "Int" => 4,
        "double" or "Double" or "long int" or "long" or "Long" => 8,
        "c10::Half" or "Half" or "c10::BFloat16" or "BFloat16" or "short" or "short int" or "Short" => 2,
        "signed char" or "unsigned char" or "char" or "Char" or "Byte" or "bool" or "Bool" => 1,
        "Float8_e4m3fn" or "Float8_e5m2" or "c10::Float8_e4m3fn" or "c10::Float8_e5m2" => 1,
        _ => null,
    };
}
