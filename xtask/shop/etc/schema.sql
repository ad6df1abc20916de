create role shop login;
create database shop owner shop;
\c shop
set role shop;
create table products (id int primary key, name text not null, price int not null);
insert into products select n, 'product ' || n, 100 + (n * 37) % 900 from generate_series(1, 200) n;
create table inventory (product int primary key references products, stock int not null);
insert into inventory select id, 1000000 from products;
create table reviews (id bigint primary key, product int not null, stars int not null, body text not null);
-- Most reviews are of what is no longer sold.
insert into reviews select n, case when n % 200 = 0 then 1 + (n / 200) % 200 else 1000 + n % 9000 end, 1 + n % 5, md5(n::text) || ' ' || md5((n + 1)::text) from generate_series(1, ${REVIEWS}) n;
create index reviews_by_product on reviews (product);
create table orders (id bigserial primary key, customer int not null, product int not null, amount int not null, state text not null, invoice text not null, placed_at timestamptz not null default now());
alter table orders alter column invoice set storage plain;
create index orders_by_customer on orders (customer);
create table shipments (id bigserial primary key, order_id bigint not null, customer int not null, grams int not null);
