using System.Numerics;
using StragglerGuard.Collectives.Devices;

namespace StragglerGuard.Collectives.Tests.Devices;

/// <summary>The product as the textbook has it, in fp64 whatever the element type: the oracle of every faster one.</summary>
internal static class NaiveProduct
{
    public static double[] Gemm<T>(
        MatrixOperation operationA, MatrixOperation operationB, int m, int n, int k, T alpha, T[] a, T[] b, T beta, T[] c)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var result = new double[m * n];
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < n; j++)
            {
                var sum = 0.0;
                for (var p = 0; p < k; p++)
                {
                    var x = operationA == MatrixOperation.None ? a[(i * k) + p] : a[(p * m) + i];
                    var y = operationB == MatrixOperation.None ? b[(p * n) + j] : b[(j * k) + p];
                    sum += double.CreateChecked(x) * double.CreateChecked(y);
                }

                result[(i * n) + j] = (double.CreateChecked(alpha) * sum)
                    + (beta == T.Zero ? 0 : double.CreateChecked(beta) * double.CreateChecked(c[(i * n) + j]));
            }
        }

        return result;
    }
}
