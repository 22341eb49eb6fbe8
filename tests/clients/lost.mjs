// Apollo refreshes a session at the address given, with the token given, over a network that loses
// the answer, and asks again by itself: a line of JSON with what it was told in the end.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { RetryLink } from "@apollo/client/link/retry";

const [, , url, refreshToken] = process.argv;
let tries = 0;

async function counting(address, options) {
  tries += 1;
  return fetch(address, options);
}

const retry = new RetryLink({ delay: { initial: 20 }, attempts: { max: 5 } });
const link = ApolloLink.from([retry, new HttpLink({ uri: url, fetch: counting })]);
const client = new ApolloClient({ cache: new InMemoryCache(), link });
const mutation = gql`
  mutation Refresh($token: String!) {
    refreshSession(input: { refreshToken: $token }) {
      __typename
      ... on SignedIn { refreshToken }
    }
  }
`;

async function refreshed(token) {
  const { data } = await client.mutate({ mutation, variables: { token } });
  return data.refreshSession;
}

const first = await refreshed(refreshToken);
const triesOfFirst = tries;
const second = await refreshed(first.refreshToken);
console.log(JSON.stringify({ first: first.__typename, triesOfFirst, second: second.__typename }));
